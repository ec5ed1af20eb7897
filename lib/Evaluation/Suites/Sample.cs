using System.Collections.Immutable;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace HeadKvLab.Evaluation.Suites;

/// <summary>One question to a model, in LongBench's terms.</summary>
/// <param name="Id">Unique in its dataset.</param>
/// <param name="Context">The long text.</param>
/// <param name="Input">The question; empty where the task needs none.</param>
/// <param name="Answers">References; the best one counts.</param>
public sealed record Sample(string Id, string Context, string Input, IReadOnlyList<string> Answers)
{
    /// <summary>All classes of a classification; else empty.</summary>
    public IReadOnlyList<string> Classes { get; init; } = [];

    /// <summary>Length as the dataset counts it, words or characters.</summary>
    public int Length { get; init; }

    /// <summary>Passages of the context from which the answer follows, where the data tell; no part of <see cref="SampleSet.Hash"/>, since no prompt shows them.</summary>
    public IReadOnlyList<string> Evidence { get; init; } = [];

    /// <summary>Language as the dataset names it, for example <c>en</c>; empty where it does not.</summary>
    public string Language { get; init; } = "";

    /// <summary>The conversation that the question is a turn of; null where it stands alone.</summary>
    public string? Session { get; init; }

    /// <summary>Which turn of it, from 1; 0 where it stands alone.</summary>
    public int Turn { get; init; }

    /// <summary>How the reference answer is written where it precedes the next question; null: as the first of the answers.</summary>
    public string? Reply { get; init; }

    /// <summary>More fields that a template may name, for example the options of a choice.</summary>
    public IReadOnlyDictionary<string, string> Fields { get; init; } = ImmutableDictionary<string, string>.Empty;
}

/// <summary>The samples of one dataset with the prompt they are asked by.</summary>
/// <param name="Dataset">How the dataset is scored.</param>
/// <param name="Template">The prompt, with <c>{context}</c> and <c>{input}</c>.</param>
/// <param name="Samples">In the order of the file.</param>
public sealed record SampleSet(DatasetInfo Dataset, string Template, IReadOnlyList<Sample> Samples)
{
    /// <summary>A token that ends an answer beside the model's own, for example a full stop; null for none.</summary>
    public string? StopToken { get; init; }

    /// <summary>How an answer stands in a conversation, with <c>{answer}</c>.</summary>
    public string Reply { get; init; } = "{answer}";

    /// <summary>What follows an answer where another question is asked in the same conversation, with <c>{input}</c>.</summary>
    public string Next { get; init; } = "\n\n{input}";

    /// <summary>The reference answer of a sample as it stands in a conversation.</summary>
    public string ReplyTo(Sample sample) => Reply.Replace("{answer}", sample.Reply ?? sample.Answers[0], StringComparison.Ordinal);

    /// <summary>The question of a sample as it follows an answer.</summary>
    public string NextOf(Sample sample) => Fill(Next, sample);

    /// <summary>The prompt where the context is compressed before the question is known, if that is another one than <see cref="Template"/>.</summary>
    public string? Request { get; init; }

    /// <summary>The part of the prompt up to the end of the context, and the rest. Braces inside the data are left as they are.</summary>
    /// <param name="sample">The sample.</param>
    /// <param name="request">Whether the context is compressed before the question is known.</param>
    public (string Context, string Question) Prompt(Sample sample, bool request = false)
    {
        var template = request && Request is not null ? Request : Template;
        var at = template.IndexOf("{context}", StringComparison.Ordinal);
        if (at < 0) return (Fill(template, sample), "");
        at += "{context}".Length;
        return (Fill(template[..at], sample), Fill(template[at..], sample));
    }

    /// <summary>The part of the prompt before the context.</summary>
    public string Before(Sample sample) => Template.IndexOf("{context}", StringComparison.Ordinal) is >= 0 and var at ? Fill(Template[..at], sample) : "";

    /// <summary>First 16 hexadecimal digits of the SHA-256 over template and samples: the data's name in results.</summary>
    public string Hash()
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        void Add(string text) => hash.AppendData(Encoding.UTF8.GetBytes(text + "\0"));
        Add(Template);
        if (Request is not null) Add(Request);
        foreach (var s in Samples)
        {
            Add(s.Id);
            Add(s.Context);
            Add(s.Input);
            foreach (var text in s.Answers.Concat(s.Classes)) Add(text);
            if (s.Session is { } session) Add(string.Create(CultureInfo.InvariantCulture, $"{session} {s.Turn}\0{ReplyTo(s)}\0{NextOf(s)}"));
            foreach (var field in s.Fields.OrderBy(f => f.Key, StringComparer.Ordinal)) Add($"{field.Key}={field.Value}");
        }
        return Convert.ToHexStringLower(hash.GetHashAndReset())[..16];
    }

    private static string Fill(string template, Sample sample)
    {
        var text = new StringBuilder(template.Length + sample.Context.Length);
        for (var i = 0; i < template.Length;)
        {
            var rest = template.AsSpan(i);
            if (rest.StartsWith("{context}")) (_, i) = (text.Append(sample.Context), i + 9);
            else if (rest.StartsWith("{input}")) (_, i) = (text.Append(sample.Input), i + 7);
            else if (template[i] == '{' && sample.Fields.FirstOrDefault(f => template.AsSpan(i + 1).StartsWith(f.Key + "}")) is { Key: { } name } field) (_, i) = (text.Append(field.Value), i + name.Length + 2);
            else text.Append(template[i++]);
        }
        return text.ToString();
    }
}

/// <summary>Datasets run together.</summary>
/// <param name="Name">Name in results.</param>
/// <param name="Sets">The datasets.</param>
public sealed record SampleSuite(string Name, IReadOnlyList<SampleSet> Sets)
{
    /// <summary>The conversations, each with its turns in order; shorter names first, so that numbers stand in their order. Empty where questions stand alone.</summary>
    public IReadOnlyList<IGrouping<string, (SampleSet Set, Sample Sample)>> Sessions() =>
        [.. from set in Sets from sample in set.Samples let session = sample.Session where session is not null orderby session.Length, session, sample.Turn group (set, sample) by session];

    /// <summary>Whether its questions are turns of conversations.</summary>
    public bool HasSessions => Sets.Any(set => set.Samples.Any(sample => sample.Session is not null));

    /// <summary>The same suite with only the first samples of each dataset.</summary>
    public SampleSuite Take(int perSet) => this with { Sets = [.. Sets.Select(set => set with { Samples = [.. set.Samples.Take(perSet)] })] };

    /// <summary>Refuses samples that results could not tell apart, samples without an answer, and answers that are none of the classes.</summary>
    /// <exception cref="LabException">A dataset is empty, an id stands twice, or answers are missing or impossible.</exception>
    public SampleSuite Checked()
    {
        foreach (var set in Sets)
        {
            if (set.Samples.Count == 0) throw new LabException($"suite {Name}, dataset {set.Dataset.Name}: it holds no sample");
            if (set.Samples.GroupBy(s => s.Id).FirstOrDefault(g => g.Count() > 1) is { } twice) throw new LabException($"suite {Name}, dataset {set.Dataset.Name}: id '{twice.Key}' stands {twice.Count()} times; ids must differ, correct the file");
            if (set.Samples.FirstOrDefault(s => s.Answers.Count == 0) is { } mute) throw new LabException($"suite {Name}, dataset {set.Dataset.Name}: sample '{mute.Id}' has no answer to be scored against; leave it out");
            if (set.Dataset.Metric is not ("classification" or "babilong")) continue;
            var metric = Metrics.TextMetric.Named(set.Dataset.Metric);
            if (set.Samples.FirstOrDefault(s => !metric.CanScore(new(s.Answers, s.Classes))) is { } impossible)
                throw new LabException($"suite {Name}, dataset {set.Dataset.Name}: the answer '{string.Join("', '", impossible.Answers)}' of sample '{impossible.Id}' is none of its {impossible.Classes.Count} classes, so that no prediction could score; correct answers or all_classes");
        }
        return this;
    }
}
