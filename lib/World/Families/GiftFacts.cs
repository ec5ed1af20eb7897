namespace HeadKvLab.World.Families;

/// <summary>"The gift for Eva is kites. The gift for Gus is jars. The gift for Eva is lamps." and all gifts of one person in order.</summary>
internal sealed class GiftFacts : IFactFamily
{
    public bool KeepsOrder => true;

    public bool Write(Scene scene)
    {
        var (grammar, decks) = (scene.Grammar, scene.Decks);
        if (decks.Left(WordKind.Name) < 2) return false;
        int[] names = [decks.Deal(WordKind.Name), decks.Deal(WordKind.Name)];
        var gifts = scene.Phrase(grammar.ThingLists);            // "kites, lamps": things at even places
        var own = new List<int>();
        for (var i = 0; i < gifts.Length; i += 2)
        {
            if (scene.Random.Chance(0.5)) scene.Fact(grammar.Gift, names[1], decks.Deal(WordKind.Thing));
            own.Add(scene.Fact(grammar.Gift, names[0], scene.Tokens.Span(gifts.IdOrStart + i, 1)[0]));
        }
        scene.Ask(grammar.AskGifts, WorldFamily.List, gifts, own[^1], names[0]);
        scene.Follows([.. own[..^1]]);
        return true;
    }
}
