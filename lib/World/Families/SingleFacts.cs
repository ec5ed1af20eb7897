namespace HeadKvLab.World.Families;

/// <summary>"The holiday plan of Eva is packing teal ribbons in Riga." One or two people.</summary>
internal sealed class SingleFacts : IFactFamily
{
    public bool Write(Scene scene)
    {
        var people = 1 + scene.Random.Below(2);
        if (scene.Decks.Left(WordKind.Name) < people) return false;
        for (var i = 0; i < people; i++)
        {
            var relation = scene.Random.Below(scene.Grammar.Single.Length);
            var name = scene.Decks.Deal(WordKind.Name);
            var value = scene.Phrase(scene.Grammar.Phrases);
            var fact = scene.Fact(scene.Grammar.Single[relation], name, value);
            scene.Ask(scene.Grammar.AskSingle[relation], WorldFamily.Single, value, fact, name);
        }
        return true;
    }
}
