using System.Collections.Generic;
using System.Threading;
using System.Threading.Tasks;
using Microsoft.DotNet.Interactive.Formatting;

namespace Microsoft.DotNet.Interactive;

/// <summary>What a host (runner or Jupyter kernel) offers to the cell that runs: where values are shown and input comes from.</summary>
internal abstract class CellOutput
{
    static readonly AsyncLocal<CellOutput?> ofThisFlow = new();
    static volatile CellOutput? latest;

    /// <summary>The output of the cell that started this thread or task, else that of the cell started last.</summary>
    internal static CellOutput? Current => ofThisFlow.Value ?? latest;

    /// <summary>Cancelled when the user interrupts the cell.</summary>
    internal abstract CancellationToken Interrupted { get; }

    internal abstract void Show(string displayId, IReadOnlyList<FormattedValue> bundle);

    internal abstract void Update(string displayId, IReadOnlyList<FormattedValue> bundle);

    internal abstract Task<string> Ask(string prompt, bool password);

    /// <summary>Makes this the output of everything that the caller starts from now on.</summary>
    internal void Enter() => latest = ofThisFlow.Value = this;

    /// <summary>Ends the time in which output from elsewhere falls to this cell; what the cell started still comes here.</summary>
    internal void Leave()
    {
        if (latest == this)
        {
            latest = null;
        }
    }
}
