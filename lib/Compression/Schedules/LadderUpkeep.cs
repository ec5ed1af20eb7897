using HeadKvLab.Cache;
using HeadKvLab.Compression.Scorers;

namespace HeadKvLab.Compression.Schedules;

/// <summary>
/// FastGen as published, while generating: each head goes on under the rung that its prompt chose. After each token the lower rungs let go what is neither special nor
/// punctuation; on the rungs with frequent tokens, entries that are neither of these, nor among the local ones where the rung has those, compete by the attention f they
/// have received, and ceil(r_f t) of them stay; the highest rung keeps everything. Shares are of the text's t tokens so far, W = max(1, floor(r_l t)).
/// Paper: Model Tells You What to Discard (arXiv 2310.01801), algorithm 2. The budget's window of last tokens is kept by every head, as after the prompt.
/// </summary>
/// <param name="Ladder">The ranking, whose beginnings the rungs are.</param>
/// <param name="Threshold">T, the share of its attention that a head must keep of the prompt.</param>
public sealed record LadderUpkeep(Ladder Ladder, double Threshold) : ISchedule
{
    /// <inheritdoc/>
    public string Name => Catalogue.Published;

    /// <summary>The rungs that the prompt chose are whole under this rule alone.</summary>
    public BudgetRule? Only => BudgetRule.AsPublished;

    /// <inheritdoc/>
    public ScorerNeeds Needs(Method method, int window) => Ladder.Needs(window);

    /// <inheritdoc/>
    public IPromptRetention Begin(Method method, Budget budget, CacheShape model, int queryHeads) => budget.Rule == Only
        ? new Heads(this, budget.ObservationWindow, new DecodeRecord(new ScorerNeeds { Sums = [AttentionSum.Received], Kinds = true }, PromptAllocation.ShapeOf(method, budget, model, queryHeads), queryHeads), new int[model.Layers][])
        : throw new LabException($"{method.Name} {Name}: while generating each head stays on the rung that its prompt chose, which the budget rule {Names<BudgetRule>.Of(budget.Rule)} cuts short: "
            + $"use {Names<BudgetRule>.Of(BudgetRule.AsPublished)}, or a schedule such as 'every 1'");

    private sealed class Heads(LadderUpkeep schedule, int window, DecodeRecord record, int[][] rungs) : IPromptRetention
    {
        public bool WantsWeights => true;

        public StepSum? Sum => record.OnlySum;

        public void Take(in LayerView prompt, LayerCache stored, bool whole)
        {
            record.Take(prompt, stored);
            var (heads, climbed) = (stored.Counts.Length, schedule.Ladder.Rungs(prompt, stored.Counts.Length, window));
            rungs[prompt.Layer] = [.. Enumerable.Range(0, heads).Select(head => climbed.Cheapest(head, schedule.Threshold))];
        }

        public void After(int layer, ReadOnlySpan<float> queries, StepWeights weights, LayerCache cache) => record.After(layer, queries, weights, cache);

        public void Finish(int id, RaggedCache cache)
        {
            record.Finish(id, cache);
            if (cache.LogicalLength <= record.Prompt) return;
            for (var layer = 0; layer < rungs.Length; layer++)
                for (var head = 0; head < rungs[layer].Length; head++)
                    if (rungs[layer][head] < Ladder.Rests) cache[layer].Retain(head, Stay(cache[layer], head, rungs[layer][head], cache.LogicalLength));
        }

        public void TakeBack(int tokens, int before) => record.TakeBack(tokens, before);

        public IRetention Clone() => new Heads(schedule, window, record.Clone(), rungs);

        /// <summary>The entries of a head that stay.</summary>
        private int[] Stay(LayerCache layer, int head, int rung, int tokens)
        {
            var positions = layer.Positions(head);
            var local = Math.Max(window, rung < 3 ? 0 : schedule.Ladder.Width(tokens));
            var (safe, others) = (new bool[positions.Length], new List<(float Attention, int Entry)>());
            for (var i = 0; i < positions.Length; i++)
            {
                var kind = record.KindAt(positions[i]);
                safe[i] = positions[i] >= tokens - local || kind == TokenKind.Special || (kind == TokenKind.Punctuation && rung >= 1);
                if (!safe[i]) others.Add((record.Sum(layer, head, 0, i), i));
            }
            var frequent = rung < 2 ? 0 : schedule.Ladder.FrequentOf(tokens);
            foreach (var (_, entry) in others.OrderByDescending(one => one).Take(frequent)) safe[entry] = true; // of equal attention the later entry stays
            return [.. Enumerable.Range(0, safe.Length).Where(i => safe[i])];
        }
    }
}
