using System.Diagnostics;
using System.Runtime.InteropServices;
using Microsoft.DotNet.Interactive;
using Microsoft.DotNet.Interactive.Directives;

namespace HeadKvLab.Notebook.Engine;

/// <summary>Commands of .NET Interactive's that its library leaves to each host.</summary>
internal static class MagicCommands
{
    internal static void AddTo(CompositeKernel root)
    {
        root.AddDirective(new KernelActionDirective("#!time") { Description = "Says how long the cell took." }, (_, context) =>
        {
            var watch = Stopwatch.StartNew();
            context.OnComplete(ended => ended.DisplayAs(FormattableString.Invariant($"Wall time: {watch.Elapsed.TotalMilliseconds}ms"), "text/plain"));
            return Task.CompletedTask;
        });
        root.AddDirective(new KernelActionDirective("#!about") { Description = "Says what runs the cells." }, (_, context) =>
        {
            context.DisplayAs($"""
                HeadKvLab notebook kernel {typeof(MagicCommands).Assembly.GetName().Version!.ToString(3)}: C# 14, HTML, Markdown, JavaScript
                .NET Interactive {typeof(Kernel).Assembly.GetName().Version}, {RuntimeInformation.FrameworkDescription}, {RuntimeInformation.RuntimeIdentifier}
                """, "text/plain");
            return Task.CompletedTask;
        });
    }
}
