using HeadKvLab.Models;

namespace HeadKvLab.Evaluation.Reducers;

/// <summary>
/// Makes a prompt shorter instead of its cache smaller: the rival of compression. It gives every segment of a context a score; the best ones stay, whole, in the order of the
/// text, until the tokens are used up, and of the last one its beginning. The shorter prompt is read as a prompt of its own, from position 0 on.
/// </summary>
public interface IReducer
{
    /// <summary>Its name with all its settings.</summary>
    string Name { get; }

    /// <summary>Whether it looks at the question: the prompt is then shortened, and read, once more for each question.</summary>
    bool AsksQuestion { get; }

    /// <summary>Share of the prompt that stays, the question included; null: as many tokens as the budget has entries for each head.</summary>
    double? Keep { get; }

    /// <summary>What is made once for a context, and then scores its segments for a question.</summary>
    /// <param name="context">The context.</param>
    ISegmentIndex Index(ReducibleContext context);
}

/// <summary>The segments of one context, and how to score them.</summary>
public interface ISegmentIndex
{
    /// <summary>The segments, in the order of the context, without gaps.</summary>
    IReadOnlyList<Segment> Segments { get; }

    /// <summary>A score for each segment; among equal ones the earlier stays.</summary>
    /// <param name="question">The question.</param>
    double[] Score(ReducerQuestion question);
}

/// <summary>Some tokens of a context.</summary>
/// <param name="Start">First token, counted in the context.</param>
/// <param name="Length">Number of tokens, above 0.</param>
public readonly record struct Segment(int Start, int Length);

/// <summary>What a reducer sees of a context.</summary>
/// <param name="Model">The model, for its tokenizer and its states.</param>
/// <param name="Before">Tokens before the context: BOS, chat marks, instruction.</param>
/// <param name="Tokens">Tokens of the context.</param>
/// <param name="Seed">Seed of this context, for reducers that draw.</param>
public sealed record ReducibleContext(LanguageModel Model, int[] Before, int[] Tokens, int Seed);

/// <summary>What a reducer sees of a question.</summary>
/// <param name="Tokens">What follows the context in the prompt.</param>
/// <param name="Evidence">Passages of the context from which the answer follows: only the oracle looks.</param>
public sealed record ReducerQuestion(int[] Tokens, IReadOnlyList<string> Evidence);
