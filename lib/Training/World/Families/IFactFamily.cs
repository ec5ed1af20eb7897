namespace HeadKvLab.Training.World.Families;

/// <summary>A family of facts: writes one group of sentences and the questions about it.</summary>
internal interface IFactFamily
{
    /// <summary>Adds one group to the scene.</summary>
    /// <returns>False, with nothing promised about the scene, when the document has no unused keys left for it.</returns>
    bool Write(Scene scene);
}

/// <summary>The families in the order of <see cref="WorldFamily"/>.</summary>
internal static class FactFamilies
{
    /// <summary>One writer for each reported family.</summary>
    public static readonly IFactFamily[] All = [new SingleFacts(), new ReasoningFacts(), new HopFacts(), new LabelFacts(), new PassageFacts(), new CodeFacts()];
}
