using System.CommandLine;
using HeadKvLab.Compression;
using HeadKvLab.Evaluation.Reducers;
using HeadKvLab.Tables;

namespace HeadKvLab.Cli;

/// <summary><c>lab methods</c>: the catalogue.</summary>
internal static class MethodsCommand
{
    /// <summary>The command.</summary>
    public static Command Create()
    {
        var markdown = new Option<bool>("--markdown") { Description = "Print the table as docs/methods.md shows it." };
        var command = new Command("methods", """
            Lists the methods: what each keeps, its settings with their defaults, the calibration tables it needs, whether it is what its authors compute
            (exact), reconstructed from a paper that leaves something open, or ours; its paper; then what each setting can be.

            While text is generated entries are dropped again where a schedule says so, behind a method's name ("SnapKV every 64") or by --schedules:
              never          the method decides once, after the prompt
              every N        it chooses again among the stored entries after every N tokens, back to what each head had
              grown N        the same, whenever a head holds N entries more than its share
              published      as its authors do; listed below

            Which of the stored entries a token reads is chosen where a recall says so, behind a method's name ("SnapKV every 64 +Quest budget=64")
            or by --recalls; the recalls are listed below. Nothing is dropped by them.

            Layers read other layers' entries, and store none, where a layer map says so, last behind a method's name:
              FullKV /share(5>1,4>0)   layer 5 reads the entries of layer 1, layer 4 those of layer 0, in the prompt and while generating (KVSharer,
                                       arXiv 2410.18517); budgets count the layers that store. `lab heads share` searches such maps.

            A prompt is shortened before it is read where a reducer says so, last behind a method's name:
              FullKV ~BM25                  as many tokens as the budget has entries for each head, all of them kept: retrieval instead of compression
              HeadKV-R2 ~BM25 keep=0.25     a quarter of the prompt is read, and its cache compressed to the budget, a share of the whole prompt

            Rules of the budget (--budget-rule elsewhere):
              as-published   the authors' arithmetic; what a head cannot use goes unspent
              equal-entries  unspent shares go to other heads until the total is the nominal one, exactly
              equal-bytes    every method spends the bytes of a grouped-query cache of the nominal size; scales, zeros, open entries, lists of
                             channels and the indices of recalls are counted

            Example:  lab methods
            """) { markdown };
        command.SetAction(parse => Run(parse.GetValue(markdown)));
        return command;
    }

    /// <summary>The table that docs/methods.md shows.</summary>
    internal static string Markdown() => Table.Of("", Catalogue.Methods, ("method", m => m.Name), ("keeps", m => m.Keeps), ("defaults", m => m.Defaults), ("needs", m => m.NeedsInWords),
        ("form", m => Names<Fidelity>.Of(m.Fidelity)), ("while generating", Generating), ("paper", m => m.Paper), ("in kvpress", m => m.KvPress)).ToMarkdown();

    /// <summary>What the authors drop while text is generated: a schedule's name, or the method's own rule.</summary>
    private static string Generating(CatalogueEntry entry) => entry.Published is not { } own ? "" : own(entry.Resolve()).Name is var name && name == Catalogue.Published ? "its own rule" : name;

    private static int Run(bool markdown)
    {
        if (markdown)
        {
            Console.Write(Markdown());
            return 0;
        }
        foreach (var m in Catalogue.Methods)
        {
            Console.WriteLine($"{m.Name,-20} {m.Keeps}");
            Console.WriteLine($"{"",-20} settings: {m.Defaults}; needs: {m.NeedsInWords}; {Names<Fidelity>.Of(m.Fidelity)}; {m.Paper}");
            if (m.KvPress is { } press) Console.WriteLine($"{"",-20} in kvpress, and here too: {press}");
            if (m.Published is not null) Console.WriteLine($"{"",-20} while generating as published: {Generating(m)}");
        }
        Print("Formats (`@NAME SETTING=VALUE` behind a method)", FormatCatalogue.All);
        Print("Recalls (`+NAME SETTING=VALUE` behind a method)", RecallCatalogue.All);
        Console.WriteLine("\nLayer maps (`/share(LAYER>ROOT,...)` last behind a method):");
        Console.WriteLine($"{"share(5>1,4>0)",-20} layer 5 reads the entries of layer 1, layer 4 those of layer 0, and they store none; exact; arXiv 2410.18517");
        Console.WriteLine($"{"share",-20} the map that `lab heads share` found for the model");
        Print("Reducers (`~NAME SETTING=VALUE` last behind a method, in `lab eval` and sweeps)", ReducerCatalogue.All);
        Console.WriteLine("\nSettings (`lab eval --set NAME=VALUE,VALUE` for all methods that take one, `--methods \"NAME SETTING=VALUE\"` for one):");
        foreach (var setting in Catalogue.Methods.SelectMany(m => m.Takes).DistinctBy(setting => setting.Name)) Console.WriteLine($"{setting.Name,-20} {setting.Range}");
        return 0;
    }

    private static void Print<TPart>(string title, IReadOnlyList<PartEntry<TPart>> parts) where TPart : class
    {
        Console.WriteLine($"\n{title}:");
        foreach (var part in parts)
        {
            Console.WriteLine($"{part.Name,-20} {part.Does}");
            Console.WriteLine($"{"",-20} settings: {part.Defaults}; {Names<Fidelity>.Of(part.Fidelity)}; {part.Paper}");
            foreach (var setting in part.Takes) Console.WriteLine($"{"",-20} {setting.Name}: {setting.Range}");
        }
    }
}
