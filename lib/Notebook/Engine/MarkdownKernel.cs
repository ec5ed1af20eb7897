using Microsoft.DotNet.Interactive;
using Microsoft.DotNet.Interactive.Commands;

namespace HeadKvLab.Notebook.Engine;

/// <summary>Shows Markdown. The package has a kernel for HTML but none for this.</summary>
internal sealed class MarkdownKernel : Kernel, IKernelCommandHandler<SubmitCode>
{
    internal MarkdownKernel() : base("markdown") => KernelInfo.LanguageName = "Markdown";

    Task IKernelCommandHandler<SubmitCode>.HandleAsync(SubmitCode command, KernelInvocationContext context)
    {
        context.DisplayAs(command.Code, "text/markdown");
        return Task.CompletedTask;
    }
}
