using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;

namespace HeadKvLab.Tests.Notebook;

/// <summary>Compiles a library for a test into a folder.</summary>
internal static class SmallLibrary
{
    /// <returns>The path of the dll.</returns>
    internal static string Compile(string folder, string name, string code, params string[] references)
    {
        var framework = Path.GetDirectoryName(typeof(object).Assembly.Location)!;
        var compilation = CSharpCompilation.Create(
            name,
            [CSharpSyntaxTree.ParseText(code)],
            Directory.GetFiles(framework, "System*.dll").Where(IsManaged).Concat(references).Select(file => MetadataReference.CreateFromFile(file)),
            new CSharpCompilationOptions(OutputKind.DynamicallyLinkedLibrary));
        var file = Path.Combine(folder, name + ".dll");
        var result = compilation.Emit(file);
        Assert.True(result.Success, string.Join('\n', result.Diagnostics));
        return file;
    }

    static bool IsManaged(string file) => !file.Contains(".Native.", StringComparison.Ordinal);
}

/// <summary>Tests that redirect Console run one after the other.</summary>
[CollectionDefinition("console", DisableParallelization = true)]
public sealed class ConsoleTests;
