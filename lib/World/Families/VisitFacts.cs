namespace HeadKvLab.World.Families;

/// <summary>"Eva went to the mine softly." one to five times, and how often.</summary>
internal sealed class VisitFacts : IFactFamily
{
    public bool Write(Scene scene)
    {
        var (grammar, decks) = (scene.Grammar, scene.Decks);
        if (decks.Left(WordKind.Name) < 1) return false;
        var name = decks.Deal(WordKind.Name);
        var place = decks.Deal(WordKind.Place);
        var visits = 1 + scene.Random.Below(5);
        var last = 0;
        for (var i = 0; i < visits; i++) last = scene.Fact(grammar.Visit, name, place);
        scene.Ask(grammar.AskVisits, WorldFamily.Count, scene.Phrase(grammar.Times, grammar.Numbers[visits]), last, name, place);
        return true;
    }
}
