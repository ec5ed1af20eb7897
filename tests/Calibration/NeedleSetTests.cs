using HeadKvLab.Calibration;

namespace HeadKvLab.Tests.Calibration;

/// <summary>Folders of needles: which files are read, which haystack a needle gets, what is refused.</summary>
public sealed class NeedleSetTests : FolderTests
{
    private const string Full = """{"needle":"A likes tea. B likes mud.","question":"What does A like?","real_needle":"likes tea","answer":"tea"}""";
    private const string Short = """{"needle":"C sings.","question":"What does C do?","real_needle":"sings"}""";

    private void Write(string name, string text) => File.WriteAllText(Inside(name), text);

    private void Needles()
    {
        Write("needles-r.jsonl", Full + "\n\n  \n" + Short + "\n");
        Write("needles-r2.jsonl", Short + "\n" + Full + "\n" + Full);
    }

    private string Refused() => Assert.Throws<LabException>(() => NeedleSet.Load(Folder)).Message;

    [Fact]
    public void Fields_are_read_by_name_and_a_needle_without_an_answer_is_its_own()
    {
        Needles();
        Write("haystack.txt", "\n Nothing happened. \n");
        var set = NeedleSet.Load(Folder);
        Assert.Equal([new Needle("A likes tea. B likes mud.", "What does A like?", "tea") { Copied = "likes tea" }, new Needle("C sings.", "What does C do?", "sings")], set.Retrieval);
        Assert.Equal(["sings", "tea", "tea"], set.Reasoning.Select(needle => needle.Answer));
        Assert.Equal(("Nothing happened.", NeedleSet.PublishedTemplate, false), (set.Haystack, set.Template, set.OwnTemplate));
    }

    [Fact]
    public void A_template_of_its_own_loses_its_last_newline_only()
    {
        Needles();
        Write("haystack.txt", "Nothing.");
        Write("prompt.txt", " {context}\nQ: {question}\nA: \n");
        var set = NeedleSet.Load(Folder);
        Assert.Equal((" {context}\nQ: {question}\nA: ", true), (set.Template, set.OwnTemplate));
        foreach (var half in (string[])["{context} only", "only {question}"])
        {
            Write("prompt.txt", half);
            Assert.Equal($"{Inside("prompt.txt")}: must hold {{context}} and {{question}}.", Refused());
        }
    }

    [Fact]
    public void The_longer_name_of_the_retrieval_needles_goes_first()
    {
        Needles();
        Write("haystack.txt", "Nothing.");
        Write("needles-retrieval.jsonl", Short);
        Assert.Equal("C sings.", Assert.Single(NeedleSet.Load(Folder).Retrieval).Text);
    }

    /// <summary>Retrieval haystacks are numbered from 1, those of reasoning from 0; a needle without one takes the first of its kind.</summary>
    [Fact]
    public void Each_needle_takes_the_haystack_of_its_number()
    {
        Needles();
        foreach (var (name, text) in ((string, string)[])[("retrieval-part1", "one"), ("retrieval-part2", "two"), ("r2-part1", "after"), ("r2-part2", "last")]) Write(name + ".txt", text);
        Write("r2-note.txt", "no haystack");
        var set = NeedleSet.Load(Folder);
        Assert.Equal(["one", "two"], set.Retrieval.Select(needle => needle.Haystack));
        Assert.Equal(["after", "after", "last"], set.Reasoning.Select(needle => needle.Haystack));
        Assert.Equal("after", set.Haystack);                                       // r2-part1: the first part there is, where no common one lies
        Write("haystack.txt", "common");
        Assert.Equal("common", NeedleSet.Load(Folder).Haystack);
    }

    [Fact]
    public void Needles_without_haystacks_of_their_own_have_none()
    {
        Needles();
        Write("haystack.txt", "common");
        Write("r2-part0.txt", "zero");
        var set = NeedleSet.Load(Folder);
        Assert.All(set.Retrieval, needle => Assert.Null(needle.Haystack));
        Assert.All(set.Reasoning, needle => Assert.Equal("zero", needle.Haystack));
    }

    [Fact]
    public void What_is_missing_or_broken_is_told_with_file_and_line()
    {
        Assert.Equal($"{Inside("haystack.txt")}: not found; a needle folder holds needles-r.jsonl, needles-r2.jsonl and haystack.txt (`lab world needles` makes one).", Refused());
        Write("haystack.txt", "Nothing.");
        Assert.StartsWith(Inside("needles-r.jsonl") + ": not found", Refused());
        Write("needles-r.jsonl", Full + "\n\n{\"needle\":\"D\"}\n");
        Assert.StartsWith(Inside("needles-r.jsonl") + ", line 3: no needle (", Refused());
        Write("needles-r.jsonl", " \n\n");
        Assert.Equal(Inside("needles-r.jsonl") + ": holds no needle.", Refused());
        Assert.StartsWith(Inside("gone/haystack.txt") + ": not found", Assert.Throws<LabException>(() => NeedleSet.Load(Inside("gone"))).Message);
    }
}
