namespace HeadKvLab.World.Families;

/// <summary>The paper's own R2 form: two ages, two plans, "the plan of the older of Eva and Gus". Ages are 10 to 21 years.</summary>
internal sealed class AgeFacts : IFactFamily
{
    public bool Write(Scene scene)
    {
        var (grammar, decks, random) = (scene.Grammar, scene.Decks, scene.Random);
        if (decks.Left(WordKind.Name) < 2) return false;
        int[] names = [decks.Deal(WordKind.Name), decks.Deal(WordKind.Name)];
        var older = random.Below(2);
        int[] ages = [0, 0];
        ages[1 - older] = 10 + random.Below(11);
        ages[older] = ages[1 - older] + 1 + random.Below(21 - ages[1 - older]);

        var relation = random.Below(grammar.Single.Length);
        Words[] values = [scene.Phrase(grammar.Phrases), scene.Phrase(grammar.Phrases)];
        int[] facts = [scene.Fact(grammar.Single[relation], names[0], values[0]), scene.Fact(grammar.Single[relation], names[1], values[1])];
        int[] told = [scene.Fact(grammar.Age, names[0], grammar.Numbers[ages[0]]), scene.Fact(grammar.Age, names[1], grammar.Numbers[ages[1]])];

        var (young, first) = (random.Below(2), random.Below(2));   // young 0: "older", 1: "younger"
        var meant = young == 0 ? older : 1 - older;
        scene.Ask(grammar.AskOfOlder[young][relation], WorldFamily.R2Age, values[meant], facts[meant], names[first], names[1 - first]);
        scene.Follows(told);
        if (random.Chance(scene.Helpers)) scene.Ask(grammar.AskOlder[young], WorldFamily.Older, names[meant], told[meant], names[1 - first], names[first]);
        if (random.Chance(scene.Helpers)) scene.Ask(grammar.AskAge, WorldFamily.HowOld, scene.Phrase(grammar.AgePhrase, grammar.Numbers[ages[first]]), told[first], names[first]);
        if (random.Chance(scene.Helpers)) scene.Ask(grammar.AskOlder[young], WorldFamily.MoreYears, grammar.Numbers[ages[meant]], told[meant], grammar.Numbers[ages[first]], grammar.Numbers[ages[1 - first]]);
        return true;
    }
}
