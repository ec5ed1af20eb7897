namespace HeadKvLab.World.Families;

/// <summary>"def bim cax = 12 gobo 7 88." and "call bim cax?": two definitions, values of four to six tokens.</summary>
internal sealed class CodeFacts : IFactFamily
{
    public bool Write(Scene scene)
    {
        var (grammar, decks) = (scene.Grammar, scene.Decks);
        if (decks.Left(WordKind.Code) < 4) return false;
        for (var i = 0; i < 2; i++)
        {
            var first = decks.Deal(WordKind.Code);
            var second = decks.Deal(WordKind.Code);
            var value = Value(scene);
            var fact = scene.Fact(grammar.Define, first, second, value);
            scene.Ask(grammar.AskCall, WorldFamily.Code, value, fact, first, second);
        }
        return true;
    }

    /// <summary>Four to six numbers and words.</summary>
    internal static Words Value(Scene scene)
    {
        var start = scene.Tokens.Count;
        for (var length = 4 + scene.Random.Below(3); length > 0; length--)
            scene.Tokens.Add(scene.Decks.Deal(scene.Random.Chance(0.6) ? WordKind.Num : WordKind.Value));
        return new Words(start, scene.Tokens.Count - start);
    }
}
