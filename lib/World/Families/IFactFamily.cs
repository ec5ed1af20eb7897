namespace HeadKvLab.World.Families;

/// <summary>A family of facts: writes one group of sentences and the questions about it.</summary>
internal interface IFactFamily
{
    /// <summary>Adds one group to the scene.</summary>
    /// <returns>False, with nothing promised about the scene, when the document has no unused keys left for it.</returns>
    bool Write(Scene scene);

    /// <summary>Whether the sentences of a group must keep their order, because the answer follows it.</summary>
    bool KeepsOrder => false;
}

/// <summary>The writers of facts, in the order of the weights of a mix; after them those that training never uses.</summary>
internal static class FactFamilies
{
    /// <summary>One writer for each weight of <see cref="WorldMix"/>, and one for suites alone.</summary>
    public static readonly IFactFamily[] All =
    [
        new SingleFacts(), new ReasoningFacts(), new HopFacts(), new LabelFacts(), new PassageFacts(), new CodeFacts(),
        new PairFacts(), new GiftFacts(), new AgeFacts(), new VisitFacts(),
        new CodeAffixFacts(),
    ];

    /// <summary>The writer of the facts that a family asks about.</summary>
    /// <exception cref="LabException">The family is asked in training only.</exception>
    public static IFactFamily Of(WorldFamily asked) => asked switch
    {
        <= WorldFamily.Code => All[(int)asked],
        WorldFamily.List => All[7],
        WorldFamily.R2Age => All[8],
        WorldFamily.Count => All[9],
        WorldFamily.CodeAffix => All[10],
        _ => throw new LabException($"family {asked.Name()}: asked in training only; choose from {string.Join(", ", WorldFamilies.Askable.Select(WorldFamilies.Name))}"),
    };
}
