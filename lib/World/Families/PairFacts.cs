namespace HeadKvLab.World.Families;

/// <summary>Two facts of different relations about one person: the name alone does not find the answer, the relation must match too.</summary>
internal sealed class PairFacts : IFactFamily
{
    public bool Write(Scene scene)
    {
        var grammar = scene.Grammar;
        if (scene.Decks.Left(WordKind.Name) < 1) return false;
        var name = scene.Decks.Deal(WordKind.Name);
        var relation = scene.Random.Below(grammar.Single.Length);
        var other = (relation + 1 + scene.Random.Below(grammar.Single.Length - 1)) % grammar.Single.Length;
        foreach (var r in (ReadOnlySpan<int>)[relation, other])
        {
            var value = scene.Phrase(grammar.Phrases);
            var fact = scene.Fact(grammar.Single[r], name, value);
            if (r == relation || scene.Random.Chance(scene.Helpers)) scene.Ask(grammar.AskSingle[r], WorldFamily.Pair, value, fact, name);
        }
        return true;
    }
}
