using HeadKvLab.Compression;

namespace HeadKvLab.Evaluation.Reducers;

/// <summary>All reducers, in the order of tables: the one place that knows which exist.</summary>
public static class ReducerCatalogue
{
    /// <summary>A policy that reads the whole prompt.</summary>
    public const string None = "none";

    private static readonly Setting Keep = Setting.Number("keep", 0.25, "above 0 and at most 1, the share of the prompt that stays", keep => keep is > 0 and <= 1).Or(ReducerSettings.AsBudget);
    private static readonly Setting Pieces = Setting.Whole("segment", 64, "1 or more, the tokens of a segment", tokens => tokens >= 1).Or(ReducerSettings.Sentences);

    private static readonly PartCatalogue<IReducer> Known = new("reducer", None, "BM25 keep=0.25", reducer => reducer.Name, shown: null,
        new("BM25", "segments that share rare words with the question", [Pieces, Keep], "Robertson & Zaragoza 2009")
            { Build = s => new Bm25(expand: false, Segment(s), Share(s)) },
        new("BM25-expand", "BM25, and once more with the words of the best segment", [Pieces, Keep], "after Robertson & Zaragoza 2009")
            { Build = s => new Bm25(expand: true, Segment(s), Share(s)), Fidelity = Fidelity.Ours },
        new("Dense", "sentences whose mean last state of the model is like the question's", [Keep], "-")
            { Build = s => new Dense(Share(s)), Fidelity = Fidelity.Ours },
        new("Selective-Context", "what the model could not have guessed", [Setting.Word("unit", "what is chosen", "sentence", "token"), Keep], "arXiv 2310.06201")
            { Build = s => new SelectiveContext(s["unit"] == "token", Share(s)), Fidelity = Fidelity.Reconstructed },
        new("Oracle", "the sentences from which the answer follows: the bound", [Keep], "-") { Build = s => new Oracle(Share(s)), Fidelity = Fidelity.Ours },
        new("Random", "sentences drawn at random: a control", [Keep], "-") { Build = s => Control.Random(Share(s)), Fidelity = Fidelity.Ours },
        new("Lead", "the beginning: a control", [Keep], "-") { Build = s => Control.Lead(Share(s)), Fidelity = Fidelity.Ours },
        new("Middle-out", "the beginning and the end, as LongBench cuts long prompts", [Keep], "arXiv 2308.14508") { Build = s => Control.MiddleOut(Share(s)) });

    /// <summary>The reducers.</summary>
    public static IReadOnlyList<PartEntry<IReducer>> All => Known.All;

    /// <summary>The reducer of a text such as <c>BM25 keep=0.25</c>, whatever the case of its letters.</summary>
    /// <returns>Null for <see cref="None"/>.</returns>
    /// <exception cref="LabException">There is none, it does not take a setting, or a value is out of range.</exception>
    public static IReducer? Parse(string text) => Known.Parse(text);

    /// <summary>A reducer's name as tables write it, without what is as by default.</summary>
    /// <param name="name">The name with all settings.</param>
    public static string Short(string name) => Known.Short(name);

    private static double? Share(Settings s) => s["keep"] == ReducerSettings.AsBudget ? null : s.Number("keep");

    private static int? Segment(Settings s) => s["segment"] == ReducerSettings.Sentences ? null : s.Whole("segment");
}

/// <summary>Words of the reducers' settings, and how their names write them.</summary>
internal static class ReducerSettings
{
    internal const string AsBudget = "as-budget", Sentences = "sentences";

    /// <summary>A name with all settings, that of what stays last.</summary>
    internal static string Name(string name, double? keep, params ReadOnlySpan<(string Name, object? Value)> own)
    {
        var text = name;
        foreach (var (setting, value) in own) text += string.Create(System.Globalization.CultureInfo.InvariantCulture, $" {setting}={value ?? Sentences}");
        return text + string.Create(System.Globalization.CultureInfo.InvariantCulture, $" keep={(keep is { } share ? Settings.Text(share) : AsBudget)}");
    }
}
