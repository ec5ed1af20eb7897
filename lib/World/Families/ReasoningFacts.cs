namespace HeadKvLab.World.Families;

/// <summary>
/// The paper's R2 needle in the world's words: two candidates of the same form and two logic sentences that tell them apart.
/// "The pilot is Ada. The tutor is Tess. The secret wish of Ada is P1. The secret wish of Tess is P2.
/// Question: what is the secret wish of the tutor? Answer: P2."
/// </summary>
internal sealed class ReasoningFacts : IFactFamily
{
    public bool Write(Scene scene)
    {
        var (grammar, decks) = (scene.Grammar, scene.Decks);
        var role = grammar.Roles[scene.Random.Below(grammar.Roles.Length)];
        if (decks.Left(WordKind.Name) < 2 || decks.Left(role.Key) < 2) return false;
        var relation = scene.Random.Below(grammar.Single.Length);

        int[] names = [decks.Deal(WordKind.Name), decks.Deal(WordKind.Name)];
        int[] keys = [decks.Deal(role.Key), decks.Deal(role.Key)];
        Words[] values = [scene.Phrase(grammar.Phrases), scene.Phrase(grammar.Phrases)];
        int[] facts = [scene.Fact(grammar.Single[relation], names[0], values[0]), scene.Fact(grammar.Single[relation], names[1], values[1])];
        int[] logic = [scene.Fact(role.Fact, keys[0], names[0]), scene.Fact(role.Fact, keys[1], names[1])];

        var asked = scene.Random.Below(2);
        scene.Ask(role.Ask[relation], WorldFamily.R2Attr, values[asked], facts[asked], keys[asked]);
        scene.Follows(logic[asked]);
        var other = 1 - asked;
        if (scene.Random.Chance(scene.Helpers)) scene.Ask(role.Who, WorldFamily.Attr, names[other], logic[other], keys[other]);
        if (scene.Random.Chance(scene.Helpers / 2)) scene.Ask(grammar.AskSingle[relation], WorldFamily.Single, values[other], facts[other], names[other]);
        return true;
    }
}
