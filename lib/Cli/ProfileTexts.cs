using System.CommandLine;
using HeadKvLab.Calibration;
using HeadKvLab.Models;
using HeadKvLab.World;

namespace HeadKvLab.Cli;

/// <summary>The options of commands that measure a model on texts: which, how many, how long.</summary>
internal sealed class ProfileTexts(WorldSplit split, int count, int shortest, int longest)
{
    private readonly Option<string?> _text = new("--text") { Description = $"A text file (UTF-8) that the prompts are cut out of. Default: {Names<WorldSplit>.Of(split)} documents of the synthetic world." };
    private readonly Option<int> _prompts = new("--prompts") { Description = "Number of prompts.", DefaultValueFactory = _ => count };
    private readonly Option<int> _shortest = new("--shortest") { Description = "Tokens of the shortest prompt.", DefaultValueFactory = _ => shortest };
    private readonly Option<int> _longest = new("--longest") { Description = "Tokens of the longest prompt.", DefaultValueFactory = _ => longest };
    private readonly Option<int> _seed = Options.Seed("Seed of the drawing of prompts.", 0);

    internal void AddTo(Command command)
    {
        foreach (var option in (Option[])[_text, _prompts, _shortest, _longest, _seed]) command.Options.Add(option);
    }

    /// <summary>Runs a measurement that writes its file at the end; one that is ended writes nothing.</summary>
    internal static Task<int> Run(Action measure)
    {
        try
        {
            measure();
            return Task.FromResult(0);
        }
        catch (OperationCanceledException)
        {
            Console.Error.WriteLine("\nstopped; nothing was written.");
            return Task.FromResult(EvalDriver.Interrupted);
        }
    }

    /// <summary>The prompts, in the ids of a model.</summary>
    internal CalibrationTexts Read(ParseResult parse, LanguageModel model)
    {
        if (parse.GetValue(_longest) > model.Config.MaxPositions)
            throw new LabException($"--longest {parse.GetValue(_longest)}: this model sees {model.Config.MaxPositions} tokens; give at most that");
        var (lengths, seed) = (CalibrationTexts.Lengths(parse.GetValue(_prompts), parse.GetValue(_shortest), parse.GetValue(_longest)), parse.GetValue(_seed));
        return parse.GetValue(_text) is { } file ? CalibrationTexts.Cut(file, seed, lengths, model.Tokenizer)
            : CalibrationTexts.Of($"world, {Names<WorldSplit>.Of(split)}", seed, WorldTexts.Make(split, lengths, seed), model.Tokenizer);
    }
}
