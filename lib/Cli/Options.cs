using System.CommandLine;
using System.Globalization;
using System.Numerics;
using HeadKvLab.Cache;
using HeadKvLab.Compression;
using HeadKvLab.Kernels;
using HeadKvLab.Models;
using HeadKvLab.World;
using TorchSharp;
using static TorchSharp.torch;

namespace HeadKvLab.Cli;

/// <summary>A value of the command line, read, and as it was written: help shows a default so.</summary>
internal sealed record Written<T>(string Text, T Value)
{
    public override string ToString() => Text;
}

/// <summary>The options that several commands have, and how lists and names are read. What cannot be read is refused with the option's name before anything runs.</summary>
internal static class Options
{
    private const string HeadScores = "Head scores, for the methods that need them: a folder as `lab heads score` writes it, or one file, which then serves all of them (or gates of DuoAttention, .tsv, PrefixKV's shares of the layers, utility curves, or LU-KV's, .npy); those in the model's heads folder where it is not given.";

    /// <summary>An option whose text is read by a function that throws <see cref="LabException"/> for what it cannot read.</summary>
    /// <param name="name">The option.</param>
    /// <param name="what">Its line in the help.</param>
    /// <param name="otherwise">The text where it is not given; null: it must be given.</param>
    /// <param name="read">Reads the text.</param>
    internal static Option<Written<T>> Of<T>(string name, string what, string? otherwise, Func<string, T> read)
    {
        var option = new Option<Written<T>>(name) { Description = what, Required = otherwise is null };
        option.CustomParser = result =>
        {
            var text = result.Tokens[^1].Value;
            try
            {
                return new(text, read(text));
            }
            catch (LabException e)
            {
                result.AddError(e.Message);
                return null;
            }
        };
        if (otherwise is not null) option.DefaultValueFactory = _ => new(otherwise, read(otherwise));
        return option;
    }

    /// <summary>The value of an option that is read here.</summary>
    internal static T Read<T>(this ParseResult parse, Option<Written<T>> option) => parse.GetRequiredValue(option).Value;

    /// <summary>Words separated by commas.</summary>
    internal static Option<Written<string[]>> Words(string name, string what, string otherwise) => Of(name, what, otherwise, Split);

    /// <summary>Whole numbers of 1 and more, separated by commas; none only where that is the default.</summary>
    internal static Option<Written<T[]>> Counts<T>(string name, string what, string otherwise, T? most = null) where T : struct, IBinaryInteger<T> => Of(name, what, otherwise, text =>
        Several(name, text, otherwise, word => T.TryParse(word, NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number >= T.One && (most is null || number <= most)
            ? number : throw new LabException($"{name} '{word}': give whole numbers of 1 and more{(most is null ? "" : $", at most {most}")}, separated by commas")));

    /// <summary>Finite numbers separated by commas; none only where that is the default.</summary>
    internal static Option<Written<double[]>> Numbers(string name, string what, string otherwise) => Of(name, what, otherwise, text =>
        Several(name, text, otherwise, word => double.TryParse(word, CultureInfo.InvariantCulture, out var number) && double.IsFinite(number)
            ? number : throw new LabException($"{name} '{word}': give numbers separated by commas")));

    /// <summary>One of the values of an enum, by its name.</summary>
    /// <param name="name">The option.</param>
    /// <param name="what">Its line in the help.</param>
    /// <param name="otherwise">The value where it is not given.</param>
    /// <param name="among">The values that are allowed; none: all.</param>
    internal static Option<Written<TEnum>> Named<TEnum>(string name, string what, TEnum otherwise, params IReadOnlyList<TEnum> among) where TEnum : struct, Enum
    {
        var option = Of(name, what, Names<TEnum>.Of(otherwise), text => Names<TEnum>.Parse(text, name, among));
        option.CompletionSources.Add([.. among.Count == 0 ? Names<TEnum>.All : among.Select(Names<TEnum>.Of)]);
        return option;
    }

    /// <summary>Methods of the catalogue, at least one, each alone or with settings of its own.</summary>
    internal static Option<Written<string[]>> Methods(string what, string otherwise) => Of("--methods", what, otherwise, list =>
        Split(list) is { Length: > 0 } names ? names : throw new LabException($"--methods '{list}': name at least one of `lab methods`; FullKV is the full cache alone"));

    /// <summary>The words of a list; a comma in parentheses belongs to its word: <c>FullKV /share(5&gt;1,4&gt;0)</c>.</summary>
    internal static string[] Split(string list)
    {
        var (words, start, open) = (new List<string>(), 0, false);
        for (var i = 0; i <= list.Length; i++)
        {
            if (i < list.Length && (open || list[i] != ','))
            {
                open = list[i] == '(' || (open && list[i] != ')');
                continue;
            }
            if (list[start..i].Trim() is { Length: > 0 } word) words.Add(word);
            start = i + 1;
        }
        return [.. words];
    }

    private static T[] Several<T>(string name, string text, string otherwise, Func<string, T> read) =>
        Split(text) is { Length: > 0 } words ? [.. words.Select(read)] : otherwise.Length == 0 ? [] : throw new LabException($"{name} '{text}': give at least one number");

    /// <summary>Where results go.</summary>
    internal static Option<string?> Out(string what) => new("--out") { Description = what };

    /// <summary>Where results go; without it there is nothing to do.</summary>
    internal static Option<string> NeededOut(string what) => new("--out") { Description = what, Required = true };

    /// <summary>Where results go, with a default that help shows.</summary>
    internal static Option<string> OutOr(string otherwise, string what) => new("--out") { Description = what, DefaultValueFactory = _ => otherwise };

    /// <summary>Machine-readable output; by default the list of a measurement.</summary>
    internal static Option<bool> Json(string what = "Print a list of {\"case\", \"metric\", \"value\", \"unit\"}.") => new("--json") { Description = what };

    /// <summary>A model folder, the bundled one where none is given.</summary>
    internal static Option<string> Model() => new("--model") { Description = "Model folder.", DefaultValueFactory = _ => "data/models/world-4m" };

    /// <summary>A model that must be named.</summary>
    internal static Option<string> NeededModel(string what) => new("--model") { Description = what, Required = true };

    /// <summary>A seed; help shows the default only where it is given here.</summary>
    internal static Option<int> Seed(string what, int? otherwise = null)
    {
        var option = new Option<int>("--seed") { Description = what };
        if (otherwise is { } seed) option.DefaultValueFactory = _ => seed;
        return option;
    }

    /// <summary>The observation window.</summary>
    internal static Option<int> Window(string what) => new("--window") { Description = what, DefaultValueFactory = _ => Budget.PaperWindow };

    /// <summary>How the entries a method asks for become those it gets.</summary>
    internal static Option<Written<BudgetRule>> Rule(BudgetRule otherwise)
    {
        var option = Named("--budget-rule", "as-published, equal-entries or equal-bytes.", otherwise);
        option.Aliases.Add("--discipline");   // what files call it
        return option;
    }

    /// <summary>Which heads own entries.</summary>
    internal static Option<Written<Granularity>> Heads() => Named("--granularity", "query-head or kv-head.", Granularity.QueryHead);

    /// <summary>Head scores other than those beside the model.</summary>
    internal static Option<string?> Scores() => new("--scores") { Description = HeadScores };

    /// <summary>The same, one or several.</summary>
    internal static Option<string[]> SeveralScores() => new("--scores") { Description = HeadScores + " Given several times, they are compared.", HelpName = "file|folder" };

    /// <summary>Families of questions of the synthetic world.</summary>
    internal static Option<Written<IReadOnlyList<WorldFamily>>> Families() => Of("--families",
        $"Families that the contexts hold and are asked: some of {string.Join(", ", WorldFamilies.Askable.Select(WorldFamilies.Name))}.", string.Join(",", WorldFamilies.Reported.Select(WorldFamilies.Name)), WorldFamilies.Parse);

    /// <summary>Part of a run.</summary>
    internal static Option<string?> Shard() => new("--shard") { Description = "Only one of several parts, for example 2/4; `lab merge` joins them." };

    /// <summary>Words of the Chinese sets.</summary>
    /// <param name="place">Where the metric's name stands.</param>
    internal static Option<string?> Dictionary(string place) => new("--dictionary")
    {
        Description = $"For the Chinese sets: the folder of the installed Python package jieba (scores as the official script), or its dict.txt alone; without either, characters are compared. The metric's name{place} says which.",
    };

    /// <summary>Number type of an evaluation; null: the protocol's.</summary>
    internal static Option<string?> NumberType()
    {
        var option = new Option<string?>("--type") { Description = "Number type of weights, matrix products and cache: float32, bfloat16 or float16 (on the CPU held in 2 bytes, multiplied in float32); the protocol's where it is not given: float16 for paper, else bfloat16." };
        option.AcceptOnlyFromAmong(Formats);
        return option;
    }

    /// <summary>Number type of a model that runs; null: the stored one.</summary>
    internal static Option<Written<ScalarType?>> Type()
    {
        var option = Of("--type", "Number type of the weights and matrix products: float32, bfloat16, float16 (on the CPU held in 2 bytes, multiplied in float32), or stored (as in the checkpoint, whose pages then serve as memory: nothing is copied).", "float32", ScalarTypeOf);
        option.AcceptOnlyFromAmong([.. Formats, "stored"]);
        return option;
    }

    /// <summary>What answers are decoded with.</summary>
    internal static Option<Written<DecodePrecision>> DecodeWeights()
    {
        DecodePrecision[] precisions = [DecodePrecision.Lossless, DecodePrecision.Int8];
        var option = Named("--decode-weights", "What answers are decoded with, on the CPU: exact (the weights as they are), or int8 (8-bit integers with a factor per output: the bytes of a token's weights fall to a half of bfloat16's, and the text may change). Prompts are read with the exact weights.",
            DecodePrecision.Lossless, precisions);
        option.AcceptOnlyFromAmong([.. precisions.Select(Names<DecodePrecision>.Of)]);
        return option;
    }

    /// <summary>Where a model runs; <see cref="Place"/> gives it.</summary>
    internal static Option<string> Device()
    {
        var option = new Option<string>("--device") { Description = "cpu or cuda.", DefaultValueFactory = _ => "cpu" };
        option.AcceptOnlyFromAmong("cpu", "cuda");
        return option;
    }

    /// <summary>The chosen device.</summary>
    /// <exception cref="LabException">There is no GPU.</exception>
    internal static Device Place(this ParseResult parse, Option<string> device) => parse.GetRequiredValue(device) is var name && (name == "cpu" || cuda.is_available())
        ? torch.device(name)
        : throw new LabException("--device cuda: no usable NVIDIA GPU, or the libtorch in use is a CPU build: leave the option out, or see `lab doctor`");

    /// <summary>The names of the formats that models and caches are held in.</summary>
    internal static string[] Formats => [.. NumberFormats.Floating.Select(NumberFormats.Name)];

    /// <summary>A number type by its name; null for any other word.</summary>
    internal static ScalarType? ScalarTypeOf(string name) => NumberFormats.TryParse(name, out var format) ? format.Scalar() : null;
}
