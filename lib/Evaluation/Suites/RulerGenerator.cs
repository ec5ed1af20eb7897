using System.Text;

namespace HeadKvLab.Evaluation.Suites;

/// <summary>
/// Synthetic tasks in RULER's manner (Hsieh et al., arXiv 2404.06654): magic numbers of words hidden in filler (single, among other keys, several
/// values, several queries), chains of variables, and the words that occur most. The same seed gives the same samples everywhere.
/// </summary>
/// <param name="countTokens">Tokens of a text, by the model's tokenizer.</param>
/// <param name="length">Tokens of a prompt at most, answer included.</param>
/// <param name="seed">Seed.</param>
public sealed class RulerGenerator(Func<string, int> countTokens, int length, int seed = 1)
{
    private const int AnswerRoom = 64;

    private static readonly string[] Filler =
    [
        "The morning was quiet and the road lay empty.", "A clock in the hall struck the hour twice.", "Rain had fallen in the night and the leaves were wet.", "Somebody left a window open near the stairs.",
        "The train was late, as it often was.", "Bread and cheese stood on the table.", "Two boats lay side by side in the harbour.", "The letter had not been answered yet.", "Children played behind the old school.",
    ];

    private static readonly string[] Keys =
    [
        "amber", "basil", "cedar", "dune", "ember", "fjord", "grove", "heron", "iris", "jasper", "kelp", "lark", "maple", "nectar", "opal", "pine", "quartz", "raven", "slate", "thyme", "umber", "violet", "willow", "yarrow", "zinc",
        "acorn", "birch", "coral", "delta", "elm", "fern", "glade", "hazel", "indigo", "juniper", "krill", "lotus", "moss", "nettle", "onyx", "poppy", "reed", "sage", "tulip", "vine", "wren",
    ];

    /// <summary>All tasks.</summary>
    /// <param name="perTask">Samples of each.</param>
    public SampleSuite Make(int perTask) => new SampleSuite($"ruler-{length}", [.. KnownDatasets.Ruler.Select(task => new SampleSet(task, "{context}{input}",
        [.. Enumerable.Range(0, perTask).Select(i => Make(task.Name, i))]))]).Checked();

    private Sample Make(string task, int index)
    {
        var random = new Random(HashCode(task, index));
        string[] keys = [.. Keys.OrderBy(_ => random.Next())];
        var drawn = new HashSet<int>();
        string Number()
        {
            int number;
            do number = random.Next(1_000_000, 10_000_000);
            while (!drawn.Add(number));
            return number.ToString(System.Globalization.CultureInfo.InvariantCulture);
        }
        switch (task)
        {
            case "niah_single" or "niah_multikey":
                var numbers = keys.Take(task == "niah_single" ? 1 : 4).Select(key => (Key: key, Value: Number())).ToArray();
                return Hide(task, index, random, numbers, [numbers[0].Key], [numbers[0].Value]);
            case "niah_multivalue":
                var values = Enumerable.Range(0, 4).Select(_ => (Key: keys[0], Value: Number())).ToArray();
                return Hide(task, index, random, values, [keys[0]], [.. values.Select(v => v.Value)]);
            case "niah_multiquery":
                var queries = keys.Take(4).Select(key => (Key: key, Value: Number())).ToArray();
                return Hide(task, index, random, queries, [.. queries.Select(q => q.Key)], [.. queries.Select(q => q.Value)]);
            case "vt":
                return Variables(index, random, keys);
            default:
                return CommonWords(index, random, keys);
        }
    }

    private Sample Hide(string task, int index, Random random, (string Key, string Value)[] needles, string[] asked, string[] answers)
    {
        var what = asked.Length == 1 ? asked[0] : string.Join(", ", asked[..^1]) + " and " + asked[^1];
        var several = answers.Length > 1;
        var question = $"\nQuestion: What {(several ? "are all the special magic numbers" : "is the special magic number")} for {what} mentioned in the text?\nAnswer: The special magic number{(several ? "s" : "")} for {what} {(several ? "are" : "is")}";
        return Fill(task, index, random, "Some special magic numbers are hidden in the following text.\n", [.. needles.Select(n => $"One of the special magic numbers for {n.Key} is: {n.Value}.")], question, answers);
    }

    private Sample Variables(int index, Random random, string[] keys)
    {
        var value = random.Next(10_000, 100_000).ToString(System.Globalization.CultureInfo.InvariantCulture);
        string[] names = [.. keys.Take(5).Select(k => k.ToUpperInvariant())];
        string[] chain = [.. names.Select((name, i) => i == 0 ? $"VAR {name} = {value}." : $"VAR {name} = VAR {names[i - 1]}.")];
        return Fill("vt", index, random, "Follow the chain of variable assignments hidden in the following text.\n", chain, $"\nQuestion: Find all variables that are assigned the value {value}.\nAnswer: The variables are", names, ordered: true);
    }

    private Sample CommonWords(int index, Random random, string[] keys)
    {
        string[] common = keys[..3];
        const string head = "Below is a list of words. Remember which ones occur most often.\n", question = "\nQuestion: Which three words occur most often?\nAnswer: The words are";
        var room = length - AnswerRoom - countTokens(head + question);
        var words = new List<string>();
        for (var round = 0; ; round++)
        {
            string[] more = [.. common, common[round % 3], keys[3 + random.Next(keys.Length - 3)], keys[3 + random.Next(keys.Length - 3)]];
            room -= more.Sum(word => countTokens(" " + word));
            if (room < 0 && words.Count > 0) break;
            words.AddRange(more);
        }
        return new Sample($"cwe-{index}", head + string.Join(' ', words.OrderBy(_ => random.Next())), question, common) { Length = words.Count };
    }

    /// <summary>Filler up to the length, the needles between its sentences; a chain keeps its order.</summary>
    private Sample Fill(string task, int index, Random random, string head, string[] needles, string question, string[] answers, bool ordered = false)
    {
        var room = length - AnswerRoom - countTokens(head + string.Join(' ', needles) + question);
        if (room < 0) throw new LabException($"ruler: {length} tokens have no room for the needles of {task}; give longer --lengths");
        var sentences = new List<string>();
        for (var next = Filler[random.Next(Filler.Length)]; (room -= countTokens(" " + next)) >= 0; next = Filler[random.Next(Filler.Length)]) sentences.Add(next);
        int[] depths = [.. needles.Select(_ => random.Next(sentences.Count + 1))];
        if (ordered) Array.Sort(depths);
        var text = new StringBuilder(head);
        for (var i = 0; i <= sentences.Count; i++)
        {
            for (var n = 0; n < needles.Length; n++)
                if (depths[n] == i) text.Append(needles[n]).Append(' ');
            if (i < sentences.Count) text.Append(sentences[i]).Append(' ');
        }
        var context = text.ToString().TrimEnd();
        return new Sample($"{task}-{index}", context, question, answers) { Length = context.Split(' ').Length };
    }

    private int HashCode(string task, int index) => unchecked((int)(2166136261 ^ (uint)task.Aggregate(seed * 31 + length, (h, c) => h * 16777619 ^ c)) + index * 7919);
}
