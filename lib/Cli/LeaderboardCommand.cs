using System.CommandLine;
using System.Globalization;
using System.Text;
using HeadKvLab.Calibration;
using HeadKvLab.Charts;
using HeadKvLab.Compression;
using HeadKvLab.Evaluation.Reports;
using HeadKvLab.Evaluation.Runs;
using HeadKvLab.Models;
using HeadKvLab.Tables;
using TorchSharp;

namespace HeadKvLab.Cli;

/// <summary><c>lab leaderboard</c>: all methods on the world's questions, on one page.</summary>
internal static class LeaderboardCommand
{
    private const string Reference = "HeadKV-R2";
    private const int Shown = 20; // methods of the image beside the page

    internal static Command Create()
    {
        var model = Options.Model();
        var suite = new Option<string>("--suite") { Description = "Suite: a name that `lab eval` knows, or a file.", DefaultValueFactory = _ => "data/suites/world-2048-test.jsonl" };
        var methods = Options.Words("--methods", "Names, separated by commas, as `lab eval` takes them; all: the catalogue as far as the model has the tables, and two of its methods with entries of 4 bits.", "all");
        var protocols = Options.Words("--protocols", "Protocols, a board for each.", "standard,agnostic");
        var limit = new Option<int>("--limit") { Description = "Most questions of each data set; 0: all." };
        var output = Options.Out("Results folder; results/leaderboard where it is not given.");
        var command = new Command("leaderboard", $"""
            Runs all methods at 1.5, 3, 6, 12 and 25 % of the entries, at equal bytes, with the question seen (standard) and after compression
            (agnostic), tests each against {Reference} on the same questions, and writes one page: leaderboard.html (a table that sorts, and a
            chart), beside it leaderboard.md, .csv, and .svg with the first {Shown}. Like `lab eval` it can be killed at any instant; the same command goes on.

            Example:  lab leaderboard --out results/leaderboard
            """) { model, suite, methods, protocols, limit, output };
        command.SetAction((parse, stop) =>
        {
            var folder = parse.GetValue(output) ?? Path.Combine("results", "leaderboard");
            var source = Repository.Input(parse.GetRequiredValue(model));
            string[] named = parse.Read(methods) is ["all"] ? All(source) : parse.Read(methods);
            var plan = new SweepPlan
            {
                Model = source, Suites = [Repository.Input(parse.GetRequiredValue(suite))], Protocols = parse.Read(protocols), Methods = [.. named.Prepend(Variant.Full.Method).Distinct()],
                Shares = [0.015, 0.03, 0.06, 0.12, 0.25], Rules = [Names<BudgetRule>.Of(BudgetRule.EqualBytes)], Limit = parse.GetValue(limit),
            }.Checked("lab leaderboard");
            if (plan.Methods.All(text => Catalogue.Parse(text).Entry.Name != Reference)) throw new LabException($"lab leaderboard: every method is tested against {Reference}; add it to --methods");
            using var models = EvalModels.Of(plan, torch.CPU);
            if (EvalDriver.RunInto(models, plan, SuiteTasks.Open(plan, models.Loaded, Repository.Find("data/suites")), folder, stop, tables: false) is not { } rows) return Task.FromResult(EvalDriver.Interrupted);
            Write(folder, rows, ResultFolder.ReadCard(folder));
            Console.WriteLine($"-> {folder}: leaderboard.html, .md, .csv, .svg, rows.jsonl (`lab report` compares all pairs)");
            return Task.FromResult(0);
        });
        return command;
    }

    /// <summary>The catalogue as far as the model has the tables, and two methods with entries of 4 bits. What is left out is said.</summary>
    private static string[] All(string model)
    {
        var config = ModelConfig.Load(model);
        var tables = CalibrationFolder.Load(model, config);
        foreach (var entry in Catalogue.Methods.Where(entry => !entry.IsReady(tables))) Console.Error.WriteLine($"{entry.Name} is left out: it needs {entry.NeedsInWords}, which {model} does not have");
        return [.. Catalogue.Methods.Where(entry => entry.IsReady(tables)).Select(entry => entry.Name), "SnapKV @int4 recent=8", $"{Reference} @int4 recent=8"];
    }

    private static void Write(string folder, IReadOnlyList<EvalRow> rows, FolderCard? card)
    {
        var boards = Leaderboard.Of(rows, Reference).OrderByDescending(board => board.Protocol == "standard").ToArray();
        var (figure, provenance) = (LeaderboardMap.Draw(boards), Provenance.Tables(rows, card) + Provenance.Programs(rows));
        ResultFolder.Replace(folder, "leaderboard.md", $"# Leaderboard\n\n{string.Concat(boards.Select(board => $"{board.Table().ToMarkdown()}\n"))}{provenance}");
        ResultFolder.Replace(folder, "leaderboard.csv", string.Concat(boards.Select((board, at) => at == 0 ? board.Differences().ToCsv() : board.Differences().ToCsv().Split('\n', 2)[1])));
        ResultFolder.Replace(folder, "leaderboard.svg", LeaderboardMap.Draw(boards, most: Shown).Svg);
        ResultFolder.Replace(folder, "leaderboard.html", Page(boards, figure, provenance));
    }

    private static string Page(IReadOnlyList<Leaderboard> boards, Figure figure, string provenance)
    {
        var page = new StringBuilder("""
            <!DOCTYPE html>
            <html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>HeadKvLab leaderboard</title>
            <style>body{font-family:system-ui,sans-serif;max-width:1100px;margin:2em auto;padding:0 1em;line-height:1.5}div.scroll{overflow-x:auto}pre{white-space:pre-wrap;color:#555}</style></head><body>
            <h1>Leaderboard</h1>
            <p>Every method of the catalogue on the same questions at the same bytes, made by <code>lab leaderboard</code>. Click a heading to sort.</p>

            """);
        page.Append("<div class=\"scroll\">").Append(figure.ToHtml()).Append("</div>\n");
        foreach (var board in boards) page.Append(CultureInfo.InvariantCulture, $"<div class=\"scroll\">{board.Table().ToHtml()}</div>\n");
        return page.Append(CultureInfo.InvariantCulture, $"<pre>{System.Net.WebUtility.HtmlEncode(provenance.Trim())}</pre>\n</body></html>\n").ToString();
    }
}
