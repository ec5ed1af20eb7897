using System.Text.Json.Nodes;

namespace HeadKvLab.Tests.Notebook;

/// <summary>Notebook files for tests, and the program that runs them.</summary>
internal static class Notebooks
{
    /// <summary>The kernel's dll.</summary>
    internal static string Program { get; } = Repository.Path("bin", "notebook", "HeadKvLab.Notebook.dll");

    /// <summary>Runs the kernel's program to its end.</summary>
    internal static (int Code, string Error) Run(params string[] arguments) => Child.Start("dotnet", [Program, .. arguments]).End();

    /// <summary>A notebook of code cells, <c>cell-0</c> and so on.</summary>
    internal static string Of(params string[] cells) => Of(5, [.. cells.Select(code => (code, ""))]);

    /// <summary>The same with a tag for each cell; empty: none. Formats before 4.5 have no ids.</summary>
    internal static string Of(int minor, params (string Code, string Tag)[] cells) => new JsonObject
    {
        ["cells"] = new JsonArray([.. cells.Select((cell, i) =>
        {
            var json = new JsonObject
            {
                ["cell_type"] = "code", ["execution_count"] = null, ["id"] = $"cell-{i}", ["metadata"] = cell.Tag == "" ? new JsonObject() : new JsonObject { ["tags"] = new JsonArray(cell.Tag) },
                ["outputs"] = new JsonArray(), ["source"] = cell.Code,
            };
            if (minor < 5) json.Remove("id");
            return json;
        })]),
        ["metadata"] = new JsonObject { ["kernelspec"] = new JsonObject { ["name"] = ".net-csharp", ["display_name"] = ".NET (C#)", ["language"] = "C#" } },
        ["nbformat"] = 4,
        ["nbformat_minor"] = minor,
    }.ToJsonString();
}
