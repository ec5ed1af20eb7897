using HeadKvLab.Cli;
using HeadKvLab.Models;

namespace HeadKvLab.Tests.Models;

/// <summary>The commands around model folders, called as the program calls them: exit code 0, or 2 for input that cannot be used.</summary>
public sealed class ModelCommandTests : IDisposable
{
    private readonly TestFiles files = new();

    public void Dispose() => files.Dispose();

    [Fact]
    public void LogitsAreWrittenForEveryPosition()
    {
        Assert.Equal(0, Program.Main(["logits", "--model", TestFiles.Fixture("models", "mistral"), "--ids", "1,5, 9", "--out", files.Path("l.safetensors")]));
        using var written = SafetensorsFile.Open(files.Path("l.safetensors"));
        Assert.Equal(("F32", 3, 64), (written.Tensors["logits"].Type, written.Tensors["logits"].Shape[0], written.Tensors["logits"].Shape[1]));
    }

    [Fact]
    public void ShowReadsEveryFixture()
    {
        foreach (var folder in Directory.EnumerateDirectories(TestFiles.Fixture("models"))) Assert.Equal(0, Program.Main(["model", "show", folder]));
    }

    [Fact]
    public void UnusableInputEndsWithTwoAndSaysWhy()
    {
        var model = TestFiles.Fixture("models", "llama");
        Refuses("absent/config.json: no such file", "model", "show", files.Path("absent"));
        Refuses("--ids: 'x' is no token id", "logits", "--model", model, "--ids", "1,x", "--out", files.Path("l"));
        Refuses("id 64 at token 0 is outside the vocabulary of 64", "logits", "--model", model, "--ids", "64", "--out", files.Path("l"));
        Refuses("it holds 0 tokens", "logits", "--model", model, "--ids", "", "--out", files.Path("l"));
        Refuses("--prompt, --prompt-file: give exactly one of them", "generate", "--model", model);
        Refuses("llama: no tokenizer.json", "generate", "--model", model, "--prompt", "a");
        Assert.False(File.Exists(files.Path("l")));

        static void Refuses(string why, params string[] arguments)
        {
            using var error = new StringWriter();
            Assert.Equal(2, Program.Run(arguments, error));
            Assert.Contains(why, error.ToString(), StringComparison.Ordinal);
        }
    }
}
