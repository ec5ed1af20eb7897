namespace HeadKvLab.World.Families;

/// <summary>"badger: opal. hare: opal. kazoo: mica." then the group of a third animal: two or three classes, two examples each.</summary>
internal sealed class LabelFacts : IFactFamily
{
    public bool Write(Scene scene)
    {
        var (grammar, decks) = (scene.Grammar, scene.Decks);
        var free = WordLists.Classes.Where(c => !scene.IsLabelled(c) && decks.Left(c) >= 3).ToArray();
        var classes = 2 + scene.Random.Below(2);
        if (free.Length < classes || decks.Left(WordKind.Label) < classes) return false;
        scene.Random.Shuffle<WordKind>(free);
        foreach (var kind in free.AsSpan(0, classes))
        {
            var label = decks.Deal(WordKind.Label);
            int[] words = [decks.Deal(kind), decks.Deal(kind), decks.Deal(kind)];
            var first = scene.Fact(grammar.Labelled, words[0], label);
            var second = scene.Fact(grammar.Labelled, words[1], label);
            if (scene.Random.Chance(0.8))
            {
                scene.Ask(grammar.AskLabel, WorldFamily.FewShot, label, second, words[2]);
                scene.Follows(first);
            }
            if (scene.Random.Chance(scene.Helpers * 0.7)) scene.Ask(grammar.AskLabel, WorldFamily.FewShot0, label, first, words[0]);
            scene.MarkLabelled(kind);
        }
        return true;
    }
}
