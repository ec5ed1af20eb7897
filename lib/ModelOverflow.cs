namespace HeadKvLab;

/// <summary>A model's numbers overflowed, so that nothing can be decided by them. One sample of a run may end so and the others go on.</summary>
/// <param name="message">What was found, where, and the cure.</param>
public sealed class ModelOverflow(string message) : LabException(message)
{
    internal static ModelOverflow InLogits(string what, int id) => new($"the logits hold {what} (token {id}): the model overflowed; compute in float32 or bfloat16");

    /// <summary>The same error with the place in front.</summary>
    internal ModelOverflow At(string place) => new($"{place}: {Message}");
}
