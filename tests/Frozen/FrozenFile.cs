using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using HeadKvLab.Cache;

namespace HeadKvLab.Tests.Frozen;

/// <summary>
/// Results that a change of the code's shape must not change: <c>tests/fixtures/golden/frozen-*.txt</c>, a line for each case, <c>case: result</c>.
/// With <c>HEADKVLAB_FREEZE=1</c> in the environment the tests write the files instead. A method that the file does not name is not compared: it is frozen when
/// the file is next written.
/// </summary>
internal sealed class FrozenFile(string name)
{
    internal const string Switch = "HEADKVLAB_FREEZE";

    private readonly string _path = Repository.Path("tests", "fixtures", "golden", name);

    internal static bool Writing => Environment.GetEnvironmentVariable(Switch) == "1";

    /// <summary>What the file says of a case; null where it says nothing.</summary>
    internal string? this[string what] => Lines().FirstOrDefault(line => line.Case == what).Result;

    /// <summary>Compares in the order of the file and names the first difference, or writes the file where that is asked for.</summary>
    internal void Compare(IReadOnlyList<(string Case, string Result)> found)
    {
        if (Writing)
        {
            File.WriteAllText(_path, string.Concat(found.Select(line => $"{line.Case}: {line.Result}\n")));
            Assert.Skip($"{name} was written anew: look at the difference, and say in the commit why it is meant");
        }
        if (Difference([.. Lines()], found) is { } difference)
            Assert.Fail($"{name}: {difference}\nIf this is meant, say why in the commit and write the file anew: {Switch}=1 ./lab test Frozen");
    }

    /// <summary>The first difference in words; null where there is none.</summary>
    internal static string? Difference(IReadOnlyList<(string Case, string Result)> frozen, IReadOnlyList<(string Case, string Result)> found)
    {
        var now = found.ToDictionary(line => line.Case, line => line.Result);
        for (var i = 0; i < frozen.Count; i++)
        {
            var (what, was) = frozen[i];
            if (!now.Remove(what, out var result)) return $"line {i + 1}, '{what}' is gone";
            if (result != was) return $"line {i + 1}, '{what}'\n  was {was}\n  is  {result}";
        }
        var known = frozen.Select(line => Subject(line.Case)).ToHashSet();
        return now.Keys.FirstOrDefault(what => known.Contains(Subject(what))) is { } added ? $"'{added}' is not in it" : null;
    }

    /// <summary>A cache in a line: sizes, entries of each head, and hashes of positions and of the stored numbers.</summary>
    internal static string Describe(RaggedCache cache)
    {
        var (counts, positions, numbers) = (new List<string>(), new StringBuilder(), new List<byte>());
        for (var layer = 0; layer < cache.Shape.Layers; layer++)
        {
            counts.Add(string.Join(' ', cache[layer].Counts.ToArray()));
            for (var head = 0; head < cache.Shape.KvHeads; head++)
            {
                positions.Append(string.Join(',', cache[layer].Positions(head).ToArray())).Append(';');
                positions.Append(CultureInfo.InvariantCulture, $"{cache[layer].BiasOf(head):F4};");
                foreach (var stored in new[] { cache[layer].KeysOf(head), cache[layer].ValuesOf(head) })
                    using (stored)
                    using (var whole = stored.contiguous())
                        numbers.AddRange(whole.bytes);
            }
        }
        var first = string.Join(' ', cache[0].Positions(0)[..6].ToArray());
        return string.Create(CultureInfo.InvariantCulture, $"{cache.Entries} entries, {cache.StoredBytes} bytes, by head {string.Join(" | ", counts)}, head 0-0 begins {first}, positions {Hash(Encoding.ASCII.GetBytes(positions.ToString()))}, numbers {Hash([.. numbers])}");
    }

    internal static string Hash(ReadOnlySpan<byte> bytes) => Convert.ToHexStringLower(SHA256.HashData(bytes))[..16];

    private static string Subject(string what) => what.Split(' ')[0];

    private IEnumerable<(string Case, string Result)> Lines() => File.ReadLines(_path).Select(line => line.Split(": ", 2)).Select(parts => (parts[0], parts[1]));
}
