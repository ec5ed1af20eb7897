namespace HeadKvLab.World.Families;

/// <summary>
/// "def bim cax = 12 gobo 7 88.", "def bim yul = ...", "def zog cax = ..." and "call bim cax?": one definition shares the first word of the key, another the last, and only the two
/// together find the value (SCBench's strings with a common prefix or suffix).
/// </summary>
internal sealed class CodeAffixFacts : IFactFamily
{
    public bool Write(Scene scene)
    {
        var (grammar, decks) = (scene.Grammar, scene.Decks);
        if (decks.Left(WordKind.Code) < 4) return false;
        int first = decks.Deal(WordKind.Code), last = decks.Deal(WordKind.Code);
        foreach (var (a, b) in ((int, int)[])[(first, last), (first, decks.Deal(WordKind.Code)), (decks.Deal(WordKind.Code), last)])
        {
            var value = CodeFacts.Value(scene);
            var fact = scene.Fact(grammar.Define, a, b, value);
            if ((a, b) == (first, last)) scene.Ask(grammar.AskCall, WorldFamily.CodeAffix, value, fact, a, b);
        }
        return true;
    }
}
