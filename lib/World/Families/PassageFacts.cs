namespace HeadKvLab.World.Families;

/// <summary>"Passage 67: damp kites drifted softly under the cliff." Three passages, two of them asked for.</summary>
internal sealed class PassageFacts : IFactFamily
{
    public bool Write(Scene scene)
    {
        var (grammar, decks) = (scene.Grammar, scene.Decks);
        if (decks.Left(WordKind.Num) < 3) return false;
        for (var i = 0; i < 3; i++)
        {
            var number = decks.Deal(WordKind.Num);
            var said = scene.Phrase(grammar.Passages);
            var fact = scene.Fact(grammar.Passage, number, said);
            if (i < 2) scene.Ask(grammar.AskPassage, WorldFamily.Passage, said, fact, number);
        }
        return true;
    }
}
