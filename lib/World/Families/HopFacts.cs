namespace HeadKvLab.World.Families;

/// <summary>"The badge of Eva is zog. The room of zog is chilly loft behind the mill." asked in one question; two people.</summary>
internal sealed class HopFacts : IFactFamily
{
    public bool Write(Scene scene)
    {
        var (grammar, decks) = (scene.Grammar, scene.Decks);
        if (decks.Left(WordKind.Name) < 2 || decks.Left(WordKind.Code) < 2 || decks.Left(WordKind.Pass) < 2) return false;
        for (var i = 0; i < 2; i++)
        {
            var paper = decks.Deal(WordKind.Pass);
            var name = decks.Deal(WordKind.Name);
            var code = decks.Deal(WordKind.Code);
            var room = scene.Phrase(grammar.RoomPhrase);
            var first = scene.Fact(grammar.Holds, paper, name, code);
            var second = scene.Fact(grammar.RoomOf, code, room);
            scene.Ask(grammar.AskRoomOf2, WorldFamily.Hop, room, second, paper, name);
            scene.Follows(first);
            if (scene.Random.Chance(scene.Helpers * 0.7)) scene.Ask(grammar.AskHolds, WorldFamily.Hop1, code, first, paper, name);
            if (scene.Random.Chance(scene.Helpers * 0.4)) scene.Ask(grammar.AskRoomOf, WorldFamily.Hop2, room, second, code);
        }
        return true;
    }
}
