using HeadKvLab.Models;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace HeadKvLab.Training;

/// <summary>
/// One data-parallel worker: a decoder whose weights share memory with the master's, but whose gradients are its own.
/// It turns a batch into gradients on the calling thread.
/// </summary>
internal sealed class Worker : IDisposable
{
    private readonly Decoder decoder;
    private readonly Dictionary<string, Parameter> weights = [];
    private readonly Device device;

    /// <summary>Creates a worker over the master's weights.</summary>
    internal Worker(ModelConfig config, IReadOnlyDictionary<string, Parameter> master, ScalarType compute)
    {
        device = master.Values.First().device;
        decoder = new Decoder(config, (name, _) => weights[name] = new Parameter(master[name].detach()), compute);
    }

    internal IReadOnlyDictionary<string, Parameter> Weights => weights;

    /// <summary>Frees the gradients; the weights' memory is the master's.</summary>
    public void Dispose() => decoder.Dispose();

    /// <summary>Forward and backward of one batch; gradients add up in <see cref="Weights"/>.</summary>
    internal StepFigures Run(Batch batch, TrainingPhase phase)
    {
        using var scope = NewDisposeScope();
        var hidden = decoder.Hidden(Placed(tensor(batch.Ids, batch.Documents, batch.Length)), Placed(tensor(batch.Positions, batch.Documents, batch.Length)));
        var rows = hidden.reshape(-1, hidden.shape[2]);

        var answerLogits = decoder.Logits(rows.index_select(0, Placed(tensor(batch.AnswerRows))));
        var targets = Placed(tensor(batch.AnswerTargets));
        var each = F.cross_entropy(answerLogits, targets, reduction: nn.Reduction.None);
        var importance = Placed(tensor(batch.AnswerWeights));
        var answerLoss = (each * importance).sum() / importance.sum();
        var otherLoss = F.cross_entropy(decoder.Logits(rows.index_select(0, Placed(tensor(batch.OtherRows)))), Placed(tensor(batch.OtherTargets)));
        (answerLoss + otherLoss * phase.OtherWeight).backward();

        using var quiet = no_grad();
        var right = answerLogits.argmax(-1).eq(targets).cpu().data<bool>().ToArray();
        return StepFigures.Of(batch, answerLoss.ToSingle(), otherLoss.ToSingle(), right);
    }

    private Tensor Placed(Tensor made) => made.to(device);
}
