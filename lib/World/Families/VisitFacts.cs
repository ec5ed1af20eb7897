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
        int[] told = [.. Enumerable.Range(0, visits).Select(_ => scene.Fact(grammar.Visit, name, place))];
        scene.Ask(grammar.AskVisits, WorldFamily.Count, scene.Phrase(grammar.Times, grammar.Numbers[visits]), told[^1], name, place);
        scene.Follows(told[..^1]);
        return true;
    }
}
