using System.Diagnostics;
using System.Runtime.Versioning;
using HeadKvLab.Evaluation.Runs;
using HeadKvLab.Models;
using HeadKvLab.Notebook.Files;
using TorchSharp;
using static TorchSharp.torch;

namespace HeadKvLab.Tests.House;

/// <summary>What becomes of links, pipes, devices, modes and folders where a file is written as a whole: by each of the writers.</summary>
[UnsupportedOSPlatform("windows")]
public sealed class OutputFileTests : FolderTests
{
    private const UnixFileMode Private = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    public OutputFileTests() => Assert.SkipWhen(OperatingSystem.IsWindows(), "links, pipes and modes are those of Unix");

    public static TheoryData<string> Writers => ["safetensors", "results", "notebook"];

    private static void Write(string writer, string path)
    {
        using var scope = NewDisposeScope();
        switch (writer)
        {
            case "safetensors": SafetensorsWriter.Write(path, [("a", arange(3))]); break;
            case "results": ResultFolder.Replace(Path.GetDirectoryName(path)!, Path.GetFileName(path), "text"); break;
            default: NotebookDocument.Parse("""{"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}""", "n").Save(path); break;
        }
    }

    private static string Tool(string name, params string[] arguments)
    {
        using var process = Process.Start(new ProcessStartInfo(name, arguments) { RedirectStandardError = true, RedirectStandardOutput = true })!;
        var output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return process.ExitCode == 0 ? output.Trim() : "";
    }

    [Theory, MemberData(nameof(Writers))]
    public void A_link_stays_and_what_it_leads_to_is_written_with_its_mode(string writer)
    {
        Directory.CreateDirectory(Inside("elsewhere"));
        File.WriteAllText(Inside("elsewhere/target"), "old");
        File.SetUnixFileMode(Inside("elsewhere/target"), Private);
        File.CreateSymbolicLink(Inside("second"), "elsewhere/target");
        File.CreateSymbolicLink(Inside("link"), "second");
        Write(writer, Inside("link"));
        Assert.Equal(("second", "elsewhere/target"), (new FileInfo(Inside("link")).LinkTarget, new FileInfo(Inside("second")).LinkTarget));
        Assert.NotEqual("old", File.ReadAllText(Inside("elsewhere/target")));
        Assert.Equal(Private, File.GetUnixFileMode(Inside("elsewhere/target")));
        Assert.Equal(["target"], Directory.EnumerateFiles(Inside("elsewhere")).Select(Path.GetFileName));      // no draft is left
        File.CreateSymbolicLink(Inside("dangling"), "elsewhere/new");
        Write(writer, Inside("dangling"));
        Assert.Equal(File.ReadAllBytes(Inside("elsewhere/target")), File.ReadAllBytes(Inside("elsewhere/new")));
    }

    [Theory, MemberData(nameof(Writers))]
    public void A_link_is_followed_from_the_folder_it_stands_in(string writer)
    {
        Directory.CreateDirectory(Inside("deep/inner"));
        Directory.CreateSymbolicLink(Inside("short"), "deep/inner");
        File.CreateSymbolicLink(Inside("deep/inner/link"), "../target");
        Write(writer, Inside("short/link"));
        Assert.Equal(["deep", "deep/inner", "deep/inner/link", "deep/target", "short"],
            Directory.EnumerateFileSystemEntries(Folder, "*", SearchOption.AllDirectories).Select(path => Path.GetRelativePath(Folder, path)).Where(path => !path.StartsWith("short/")).Order(StringComparer.Ordinal));
    }

    [Fact]
    public void A_link_that_is_called_by_a_relative_path_is_followed()
    {
        File.WriteAllText(Inside("target"), "old");
        File.CreateSymbolicLink(Inside("link"), "target");
        Child.Output(Folder, "dotnet", Repository.Path("bin", "HeadKvLab.dll"), "logits", "--model", Repository.Path("tests", "fixtures", "overflow"), "--ids", "1", "--type", "float32", "--out", "link");
        Assert.Equal("target", new FileInfo(Inside("link")).LinkTarget);
        Assert.NotEqual("old", File.ReadAllText(Inside("target")));
    }

    [Theory, MemberData(nameof(Writers))]
    public void A_file_keeps_its_mode_and_a_new_one_gets_the_usual_one(string writer)
    {
        File.WriteAllText(Inside("usual"), "");
        foreach (var mode in (UnixFileMode[])[Private, Private | UnixFileMode.GroupRead | UnixFileMode.GroupWrite, UnixFileMode.UserRead])
        {
            File.WriteAllText(Inside("file"), "old");
            File.SetUnixFileMode(Inside("file"), mode);
            Write(writer, Inside("file"));
            Assert.Equal(mode, File.GetUnixFileMode(Inside("file")));
            File.Delete(Inside("file"));
        }
        Write(writer, Inside("new"));
        Assert.Equal(File.GetUnixFileMode(Inside("usual")), File.GetUnixFileMode(Inside("new")));
    }

    [Theory, MemberData(nameof(Writers))]
    public async Task A_pipe_is_written_into(string writer)
    {
        Tool("mkfifo", Inside("pipe"));
        Assert.SkipUnless(File.Exists(Inside("pipe")), "mkfifo is not here");
        if (writer == "notebook")       // saved after every cell: a pipe would get one notebook after the other
        {
            Assert.Contains("is no plain file", Assert.Throws<HeadKvLab.Notebook.NotebookException>(() => Write(writer, Inside("pipe"))).Message);
            return;
        }
        var read = Task.Run(() => File.ReadAllBytes(Inside("pipe")));
        Write(writer, Inside("pipe"));
        Write(writer, Inside("file"));
        Assert.Equal(File.ReadAllBytes(Inside("file")), await read.WaitAsync(TimeSpan.FromSeconds(30), TestContext.Current.CancellationToken));
        Assert.Equal("fifo", Tool("stat", "-c", "%F", Inside("pipe")));
    }

    [Fact]
    public void A_device_stays_a_device()
    {
        Tool("mknod", Inside("null"), "c", "1", "3");
        Assert.SkipUnless(File.Exists(Inside("null")), "making a device needs root's rights");
        foreach (var writer in (string[])["safetensors", "results"]) Write(writer, Inside("null"));
        Assert.Equal("character special file", Tool("stat", "-c", "%F", Inside("null")));
    }

    [Theory, MemberData(nameof(Writers))]
    public void Folders_and_links_in_a_circle_are_refused(string writer)
    {
        Directory.CreateDirectory(Inside("folder"));
        File.CreateSymbolicLink(Inside("a"), "b");
        File.CreateSymbolicLink(Inside("b"), "a");
        foreach (var path in (string[])["folder", "a"])
        {
            var error = Assert.ThrowsAny<Exception>(() => Write(writer, Inside(path)));
            Assert.True(error is LabException or HeadKvLab.Notebook.NotebookException, $"{error.GetType()}");
            Assert.Contains("cannot be written", error.Message);
        }
        Assert.Equal("b", new FileInfo(Inside("a")).LinkTarget);
    }

    [Fact]
    public void What_fails_halfway_leaves_the_old_file()
    {
        File.WriteAllText(Inside("file"), "old");
        using var scope = NewDisposeScope();
        Assert.ThrowsAny<Exception>(() => SafetensorsWriter.Write(Inside("file"), [("a", arange(3)), ("b", zeros(3, device: META))]));   // the second tensor has no values to write
        Assert.Equal("old", File.ReadAllText(Inside("file")));
        Assert.Equal(["file"], Directory.EnumerateFiles(Folder).Select(Path.GetFileName));
    }
}
