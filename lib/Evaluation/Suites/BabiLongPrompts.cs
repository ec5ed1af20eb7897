namespace HeadKvLab.Evaluation.Suites;

/// <summary>Prompts of BABILong's tasks, in this project's words; the parts stand in the order of its authors' (instruction, example, context, question).</summary>
internal static class BabiLongPrompts
{
    private const string Facts = "I will give you a text with facts about people and places hidden in unrelated sentences. Answer the question from these facts alone; if a person was in several places, the last one counts.";

    internal static string For(string task) => string.Join("\n\n", task switch
    {
        "qa1" => [Facts, "<example>\nAnna went to the garden. Peter walked to the office. Where is Anna?\nAnswer: garden\n</example>", "Answer with one word, the place."],
        "qa2" => [Facts, "<example>\nAnna picked up the ball. Anna went to the garden. Where is the ball?\nAnswer: garden\n</example>", "Answer with one word, the place where the thing is."],
        "qa3" => [Facts, "<example>\nAnna took the ball in the kitchen. Anna went to the garden. Where was the ball before the garden?\nAnswer: kitchen\n</example>", "Answer with one word, the earlier place."],
        "qa4" => [Facts, "<example>\nThe kitchen is north of the garden. What is north of the garden?\nAnswer: kitchen\n</example>", "Answer with one word, the place."],
        _ => (string[])[Facts, "<example>\nAnna gave the ball to Peter. Who gave the ball?\nAnswer: Anna\n</example>", "Answer with one word, the person or the thing."],
    }) + "\n\n<context>\n{context}\n</context>\n\nQuestion: {input}";
}
