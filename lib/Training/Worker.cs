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
    private readonly Decoder? teacher;
    private readonly double teaching;

    /// <summary>Creates a worker over the master's weights.</summary>
    /// <param name="config">Sizes.</param>
    /// <param name="master">The weights.</param>
    /// <param name="compute">Type of the products.</param>
    /// <param name="teacher">A frozen model whose predictions are followed; null: none.</param>
    /// <param name="teaching">Weight of the divergence from them.</param>
    internal Worker(ModelConfig config, IReadOnlyDictionary<string, Parameter> master, ScalarType compute, Decoder? teacher = null, double teaching = 0)
    {
        (this.teacher, this.teaching) = (teacher, teaching);
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
        Tensor ids = Placed(tensor(batch.Ids, batch.Documents, batch.Length)), positions = Placed(tensor(batch.Positions, batch.Documents, batch.Length)), answerRows = Placed(tensor(batch.AnswerRows));
        var rows = decoder.Hidden(ids, positions).flatten(0, 1);

        var answerLogits = decoder.Logits(rows.index_select(0, answerRows));
        var targets = Placed(tensor(batch.AnswerTargets));
        var each = F.cross_entropy(answerLogits, targets, reduction: nn.Reduction.None);
        var importance = Placed(tensor(batch.AnswerWeights));
        var answerLoss = (each * importance).sum() / importance.sum();
        var otherLoss = F.cross_entropy(decoder.Logits(rows.index_select(0, Placed(tensor(batch.OtherRows)))), Placed(tensor(batch.OtherTargets)));
        var loss = answerLoss + otherLoss * phase.OtherWeight;
        if (teacher is not null) loss += teaching * Divergence(answerLogits, ids, positions, answerRows);
        loss.backward();

        using var quiet = no_grad();
        var right = answerLogits.argmax(-1).eq(targets).cpu().data<bool>().ToArray();
        return StepFigures.Of(batch, answerLoss.ToSingle(), otherLoss.ToSingle(), right);
    }

    /// <summary>Mean over answer tokens of the Kullback-Leibler divergence of the model's predictions from the teacher's.</summary>
    private Tensor Divergence(Tensor logits, Tensor ids, Tensor positions, Tensor answerRows)
    {
        Tensor taught;
        using (no_grad()) taught = teacher!.Logits(teacher.Hidden(ids, positions).flatten(0, 1).index_select(0, answerRows)).log_softmax(-1);
        return (taught.exp() * (taught - logits.log_softmax(-1))).sum(-1).mean();
    }

    private Tensor Placed(Tensor made) => made.to(device);
}
