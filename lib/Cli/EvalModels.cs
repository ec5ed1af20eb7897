using HeadKvLab.Cache;
using HeadKvLab.Evaluation.Runs;
using HeadKvLab.Kernels;
using HeadKvLab.Models;
using static TorchSharp.torch;

namespace HeadKvLab.Cli;

/// <summary>The model of a run in the number types that its protocols ask for; the weights of one of them are in memory at a time.</summary>
/// <param name="folder">Model folder.</param>
/// <param name="device">Where it runs.</param>
internal sealed class EvalModels(string folder, Device device) : IDisposable
{
    private LanguageModel? _loaded;

    /// <summary>The model in the type of a plan's first protocol.</summary>
    internal static EvalModels Of(SweepPlan plan, Device device, out LanguageModel first)
    {
        var models = new EvalModels(plan.Model, device);
        first = models.In(plan.TypeOf(Evaluation.Protocols.Protocol.Find(plan.Protocols[0])));
        return models;
    }

    /// <summary>The model in a type; what was loaded in another one before can no longer run.</summary>
    /// <exception cref="LabException">The folder is missing, incomplete or broken.</exception>
    internal LanguageModel In(NumberFormat type)
    {
        if (_loaded is { } there && there.Type == type) return there;
        Dispose();
        return _loaded = LanguageModel.Load(folder, type.Scalar(), device);
    }

    /// <summary>Frees the model.</summary>
    public void Dispose() => _loaded?.Dispose();
}
