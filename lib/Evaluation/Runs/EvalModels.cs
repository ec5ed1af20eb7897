using HeadKvLab.Cache;
using HeadKvLab.Models;
using static TorchSharp.torch;

namespace HeadKvLab.Evaluation.Runs;

/// <summary>The model of a run in the number types that its sets ask for; the weights of one of them are in memory at a time. A model that is loaded already answers every set as it is.</summary>
public sealed class EvalModels : IDisposable
{
    private readonly string? _folder;
    private readonly Device? _device;
    private LanguageModel _loaded;

    private EvalModels(LanguageModel loaded, string? folder, Device? device) => (_loaded, _folder, _device) = (loaded, folder, device);

    /// <summary>The model of a plan; first in the type of its first protocol.</summary>
    /// <exception cref="LabException">The folder is missing, incomplete or broken.</exception>
    public static EvalModels Of(SweepPlan plan, Device device) =>
        new(LanguageModel.Load(plan.Model, plan.TypeOf(Protocols.Protocol.Find(plan.Protocols[0])).Scalar(), device), plan.Model, device);

    /// <summary>A model that is loaded; its owner disposes it.</summary>
    public static implicit operator EvalModels(LanguageModel model) => new(model, null, null);

    /// <summary>The model as it is in memory.</summary>
    public LanguageModel Loaded => _loaded;

    /// <summary>Whether every set runs in the type that the model was loaded in.</summary>
    public bool IsFixed => _folder is null;

    /// <summary>The model that answers a set; what was loaded in another type before can no longer run.</summary>
    /// <exception cref="LabException">The folder is missing, incomplete or broken.</exception>
    public LanguageModel In(EvalSet set)
    {
        if (IsFixed || set.Type is not { } type || type == _loaded.Type) return _loaded;
        Dispose();
        return _loaded = LanguageModel.Load(_folder!, type.Scalar(), _device);
    }

    /// <summary>Frees the model, where it was loaded here.</summary>
    public void Dispose()
    {
        if (!IsFixed) _loaded.Dispose();
    }
}
