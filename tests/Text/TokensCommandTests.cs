using System.Diagnostics;

namespace HeadKvLab.Tests.Text;

/// <summary><c>lab tokens</c> as a user runs it.</summary>
public sealed class TokensCommandTests
{
    private static (int Exit, string Output, string Error) Lab(params string[] arguments)
    {
        var start = new ProcessStartInfo("dotnet") { RedirectStandardOutput = true, RedirectStandardError = true };
        foreach (string argument in (string[])[Path.Combine(Repository.Root, "bin", "HeadKvLab.dll"), "tokens", .. arguments]) start.ArgumentList.Add(argument);
        using Process process = Process.Start(start)!;
        Task<string> error = process.StandardError.ReadToEndAsync();
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return (process.ExitCode, output.Trim(), error.Result);
    }

    [Fact]
    public void PrintsIdsOrSaysWhatIsWrong()
    {
        using var folder = new TempFolder();
        File.WriteAllText(folder.File("tokenizer.json"), TinyTokenizer.ByteLevel(["h e", "l l", "he ll", "hell o"]).ToJsonString());
        File.WriteAllText(folder.File("text.txt"), "hello\n");
        Assert.Equal((0, """{"ids":[259,33]}""", ""), Lab("--model", folder.Path, "--text", "hello!", "--json"));
        Assert.Equal((0, """{"ids":[259,10]}""", ""), Lab("--model", folder.Path, "--file", folder.File("text.txt"), "--json"));
        (int exit, _, string error) = Lab("--model", folder.Path, "--file", folder.File("none.txt"));
        Assert.Equal(2, exit);
        Assert.Contains("none.txt", error);
    }
}
