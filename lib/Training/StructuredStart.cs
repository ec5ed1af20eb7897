using HeadKvLab.Models;

namespace HeadKvLab.Training;

/// <summary>
/// A start that saves hours on a small machine: some heads begin as what training would otherwise take long to find.
/// Nothing is frozen; every weight is trained afterwards. Whoever measures head sparsity must say that this start was used:
/// which heads retrieve is then partly by construction.
/// <list type="number">
/// <item>Coordinate 0 of every embedding is a constant, from which heads can build scores of position alone. The unembedding is the
/// embedding turned by half the width, so writing a turned embedding into the residual stream predicts that token.</item>
/// <item>Layer 0, groups 0, 1, 2 look exactly 1, 2, 3 tokens back and write what they see into turned copies of the embedding space.</item>
/// <item>Layers 1 to 4 match: keys read the copy of the token one or two back, queries read the token itself, the copy three back
/// ("name? Answer:" asks for the name), or what an earlier head has just retrieved. Only the slow rotary pairs take part, so the
/// match does not depend on distance.</item>
/// <item>From layer 1 on, attending to a token writes it as a prediction.</item>
/// </list>
/// </summary>
public static class StructuredStart
{
    private const float Constant = 2f, EmbeddingDeviation = 0.5f, UnembeddingDeviation = 0.05f, MatchGain = 2f, CopyGain = 1.2f;
    private static readonly double[] OffsetWeights = [4, 2, 1, 1];   // on the four fastest rotary pairs

    /// <summary>What a matching head compares: tokens back that the key reads, and what each query head of the group reads.</summary>
    private enum Content { Token, OneBack, TwoBack, ThreeBack, Retrieved, Nothing }

    private sealed record Match(int Layer, int Group, Content Key, Content FirstQuery, Content SecondQuery, bool UpperHalf);

    private static readonly Match[] Matches =
    [
        new(1, 0, Content.OneBack, Content.Token, Content.Nothing, false),
        new(1, 1, Content.TwoBack, Content.ThreeBack, Content.Token, false),
        new(1, 2, Content.TwoBack, Content.ThreeBack, Content.Token, true),
        new(1, 3, Content.OneBack, Content.Token, Content.Nothing, true),
        new(2, 0, Content.OneBack, Content.Token, Content.Nothing, false),
        new(2, 1, Content.TwoBack, Content.ThreeBack, Content.Retrieved, false),
        new(2, 2, Content.TwoBack, Content.ThreeBack, Content.Retrieved, true),
        new(2, 3, Content.OneBack, Content.Token, Content.Nothing, true),
        new(3, 0, Content.OneBack, Content.Token, Content.Nothing, false),
        new(3, 1, Content.TwoBack, Content.Retrieved, Content.ThreeBack, false),
        new(3, 2, Content.TwoBack, Content.Retrieved, Content.ThreeBack, true),
        new(4, 0, Content.OneBack, Content.Token, Content.Nothing, false),
        new(4, 1, Content.TwoBack, Content.Retrieved, Content.ThreeBack, false),
        new(4, 2, Content.TwoBack, Content.Retrieved, Content.ThreeBack, true),
    ];

    /// <summary>Changes ordinary weights in place.</summary>
    /// <exception cref="LabException">The model has no room for the construction: it wants two query heads a group, four KV heads, five layers, untied embeddings.</exception>
    public static void Apply(ModelConfig config, InitialWeights weights)
    {
        if (config.KvHeads != 4 || config.QueryHeads != 8 || config.Layers < 5 || config.TieEmbeddings)
            throw new LabException("train.json: start 'structured' wants 8 query heads, 4 KV heads, at least 5 layers and untied embeddings; choose start 'ordinary' for other sizes.");
        Vocabulary(config, weights);
        var content = LookBack(config, weights);
        Copying(config, weights);
        foreach (var match in Matches) Wire(config, weights, match, content);
    }

    private static void Vocabulary(ModelConfig config, InitialWeights weights)
    {
        var (embedding, unembedding) = (weights["model.embed_tokens.weight"], weights["lm_head.weight"]);
        var half = config.HiddenSize / 2;
        for (var token = 0; token < config.VocabSize; token++)
        {
            embedding[token, 0] = Constant;
            for (var i = 0; i < config.HiddenSize; i++)
                unembedding[token, (i + half) % config.HiddenSize] = i == 0 ? 0 : embedding[token, i] * (UnembeddingDeviation / EmbeddingDeviation);
        }
    }

    /// <summary>Layer 0: heads for the offsets 1, 2, 3. Returns the projection <c>[dim, hidden]</c> by which they see tokens.</summary>
    private static float[,] LookBack(ModelConfig config, InitialWeights weights)
    {
        var (hidden, dim) = (config.HiddenSize, config.HeadDim);
        var (group, half) = (config.QueryHeads / config.KvHeads, config.HeadDim / 2);
        var (q, k) = (weights["model.layers.0.self_attn.q_proj.weight"], weights["model.layers.0.self_attn.k_proj.weight"]);
        var (v, o) = (weights["model.layers.0.self_attn.v_proj.weight"], weights["model.layers.0.self_attn.o_proj.weight"]);
        var content = new float[dim, hidden];
        for (var d = 0; d < dim; d++)
            for (var i = 1; i < hidden; i++) content[d, i] = v[d, i];

        var constant = Constant / Math.Sqrt(EmbeddingDeviation * EmbeddingDeviation + Constant * Constant / (double)hidden);   // after the norm
        for (var kv = 0; kv < 3; kv++)
        {
            for (var d = 0; d < dim; d++)
            {
                var pair = d % half;
                var amplitude = pair < OffsetWeights.Length ? Math.Sqrt(OffsetWeights[pair] * Math.Sqrt(dim) / (constant * constant) * 2.7) : 0;
                var turn = (kv + 1) * Math.Pow(config.RopeTheta, -2.0 * pair / dim);
                Scale(k, kv * dim + d, 0.2f);
                k[kv * dim + d, 0] = d < half ? (float)amplitude : 0;
                for (var i = 0; i < hidden; i++) v[kv * dim + d, i] = content[d, i];
                for (var j = 0; j < group; j++)
                {
                    var head = kv * group + j;
                    Scale(q, head * dim + d, 0.2f);
                    q[head * dim + d, 0] = (float)(d < half ? amplitude * Math.Cos(turn) : -amplitude * Math.Sin(turn));
                    for (var i = 0; i < hidden; i++)
                        o[(i + Turn(config, Content.OneBack + kv)) % hidden, head * dim + d] = content[d, i] / group;
                }
            }
        }
        return content;
    }

    /// <summary>From layer 1 on, the output of a head is its value, turned into the space of predictions.</summary>
    private static void Copying(ModelConfig config, InitialWeights weights)
    {
        var (hidden, dim, group) = (config.HiddenSize, config.HeadDim, config.QueryHeads / config.KvHeads);
        var gain = CopyGain / MathF.Sqrt(group);
        for (var l = 1; l < config.Layers; l++)
        {
            var (v, o) = (weights[$"model.layers.{l}.self_attn.v_proj.weight"], weights[$"model.layers.{l}.self_attn.o_proj.weight"]);
            for (var row = 0; row < v.Rows; row++) v[row, 0] = 0;
            for (var head = 0; head < config.QueryHeads; head++)
                for (var d = 0; d < dim; d++)
                    for (var i = 0; i < hidden; i++)
                        o[(i + hidden / 2) % hidden, head * dim + d] = v[head / group * dim + d, i] * gain;
        }
    }

    private static void Wire(ModelConfig config, InitialWeights weights, Match match, float[,] content)
    {
        var (q, k) = (weights[$"model.layers.{match.Layer}.self_attn.q_proj.weight"], weights[$"model.layers.{match.Layer}.self_attn.k_proj.weight"]);
        Read(config, k, match.Group, match.Key, match.UpperHalf, content);
        Read(config, q, 2 * match.Group, match.FirstQuery, match.UpperHalf, content);
        Read(config, q, 2 * match.Group + 1, match.SecondQuery, match.UpperHalf, content);
    }

    /// <summary>Makes the slow rotary pairs of one head read a copy of the token; its other rows are quietened.</summary>
    private static void Read(ModelConfig config, InitialWeights.Matrix matrix, int head, Content what, bool upperHalf, float[,] content)
    {
        var (hidden, dim, pairs) = (config.HiddenSize, config.HeadDim, config.HeadDim / 2);
        for (var d = 0; d < dim; d++) Scale(matrix, head * dim + d, 0.3f);
        if (what == Content.Nothing) return;
        var source = upperHalf ? dim / 2 : 0;
        for (var d = 0; d < dim; d++)
        {
            if (d % pairs < pairs / 2) continue;                                       // a fast pair
            for (var i = 0; i < hidden; i++)
                matrix[head * dim + d, (i + Turn(config, what)) % hidden] = content[source, i] * MatchGain;
            source++;
        }
    }

    /// <summary>By how many coordinates a copy of the embedding space is turned.</summary>
    private static int Turn(ModelConfig config, Content what) => what switch
    {
        Content.OneBack => config.HiddenSize / 4,
        Content.TwoBack => 3 * config.HiddenSize / 4,
        Content.ThreeBack => config.HiddenSize / 8,
        Content.Retrieved => config.HiddenSize / 2,
        _ => 0,
    };

    private static void Scale(InitialWeights.Matrix matrix, int row, float factor)
    {
        for (var i = 0; i < matrix.Columns; i++) matrix[row, i] *= factor;
    }
}
