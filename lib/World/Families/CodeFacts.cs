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
            var start = scene.Tokens.Count;
            for (var length = 4 + scene.Random.Below(3); length > 0; length--)
                scene.Tokens.Add(decks.Deal(scene.Random.Chance(0.6) ? WordKind.Num : WordKind.Value));
            var value = new Words(start, scene.Tokens.Count - start);
            var fact = scene.Fact(grammar.Define, first, second, value);
            scene.Ask(grammar.AskCall, WorldFamily.Code, value, fact, first, second);
        }
        return true;
    }
}
