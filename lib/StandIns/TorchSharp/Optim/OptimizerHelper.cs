namespace TorchSharp.Modules;

/// <summary>What the optimisers share: state by parameter, the step over groups, saving and loading.</summary>
public abstract class OptimizerHelper : torch.optim.Optimizer
{
    private protected readonly Dictionary<Parameter, OptimizerState> States = new(ReferenceEqualityComparer.Instance);

    public override torch.Tensor? step(Func<torch.Tensor>? closure = null)
    {
        torch.Tensor? loss = null;
        if (closure is not null)
        {
            using var recording = torch.enable_grad();
            loss = closure();
        }
        using var quiet = torch.no_grad();
        using DisposeScope scope = torch.NewDisposeScope();
        foreach (ParamGroup group in Groups) Step(group);
        return loss;
    }

    private protected abstract void Step(ParamGroup group);

    private protected void Add(ParamGroup group, OptimizerOptions defaults, Func<Parameter, OptimizerState> fresh)
    {
        group.Parameters = group.Parameters.ToArray();
        group.Options.LearningRate ??= defaults.LearningRate;
        group.Options.InitialLearningRate = group.Options.LearningRate!.Value;
        Groups.Add(group);
        foreach (Parameter parameter in group.Parameters)
            if (!States.TryAdd(parameter, fresh(parameter))) throw new ArgumentException("a parameter appears in more than one group");
    }

    /// <summary>The live options and state, groups and parameters in order.</summary>
    public virtual StateDictionary state_dict()
    {
        var state = new StateDictionary();
        foreach (ParamGroup group in Groups)
        {
            state.Options.Add(group.Options);
            state.State.AddRange(group.Parameters.Select(p => States[p]));
        }
        return state;
    }

    public void save_state_dict(string location)
    {
        using var writer = new BinaryWriter(File.Create(location));
        save_state_dict(writer);
    }

    public void load_state_dict(string location)
    {
        using var reader = new BinaryReader(File.OpenRead(location));
        load_state_dict(reader);
    }

    public void save_state_dict(BinaryWriter writer)
    {
        StateDictionary state = state_dict();
        writer.Write(GetType().Name);
        writer.Write(state.Options.Count);
        writer.Write(state.State.Count);
        foreach (OptimizerOptions options in state.Options) options.Save(writer);
        foreach (OptimizerState one in state.State) one.Save(writer);
    }

    /// <exception cref="InvalidDataException">The stream holds the state of another kind of optimiser.</exception>
    /// <exception cref="ArgumentException">The numbers of groups or parameters differ.</exception>
    public void load_state_dict(BinaryReader reader)
    {
        string kind = reader.ReadString();
        if (kind != GetType().Name) throw new InvalidDataException($"Mismatched optimizer type: expected '{GetType().Name}', but found '{kind}' in the loaded stream.");
        StateDictionary state = state_dict();
        if (reader.ReadInt32() != state.Options.Count) throw new ArgumentException("Invalid optimizer state -- different number of parameter groups.");
        if (reader.ReadInt32() != state.State.Count) throw new ArgumentException("Invalid optimizer state -- different number of states.");
        foreach (OptimizerOptions options in state.Options) options.Load(reader);
        foreach (OptimizerState one in state.State) one.Load(reader);
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing) foreach (OptimizerState state in States.Values) state.Dispose();
        base.Dispose(disposing);
    }
}
