namespace HeadKvLab.Evaluation.Reducers;

/// <summary>
/// The sentences from which the answer follows, then the beginning: it looks at what no method can know, and bounds every choice of sentences. Only data that tell the evidence of
/// a question can be asked.
/// </summary>
/// <param name="keep">See <see cref="IReducer.Keep"/>.</param>
public sealed class Oracle(double? keep = null) : IReducer
{
    /// <inheritdoc/>
    public string Name => ReducerSettings.Name("Oracle", keep);

    /// <inheritdoc/>
    public bool AsksQuestion => true;

    /// <inheritdoc/>
    public double? Keep => keep;

    /// <inheritdoc/>
    public ISegmentIndex Index(ReducibleContext context) => new TextIndex(context, Segmentation.Sentences(context.Model.Tokenizer, context.Tokens));

    private sealed class TextIndex : ISegmentIndex
    {
        private readonly string _text;
        private readonly (int Start, int End)[] _places; // of the segments, in characters

        internal TextIndex(ReducibleContext context, Segment[] segments)
        {
            Segments = segments;
            var (text, places) = (new System.Text.StringBuilder(), new List<(int, int)>());
            var stream = context.Model.Tokenizer.Stream();
            foreach (var (start, length) in segments)
            {
                var from = text.Length;
                for (var i = start; i < start + length; i++) text.Append(stream.Append(context.Tokens[i]));
                places.Add((from, text.Length));
            }
            (_text, _places) = (text.ToString(), [.. places]);
        }

        public IReadOnlyList<Segment> Segments { get; }

        public double[] Score(ReducerQuestion question)
        {
            if (question.Evidence.Count == 0) throw new LabException("Oracle: the data do not tell the evidence of their questions (field 'evidence', sentences of the context); leave Oracle out, or ask the world's suites");
            var scores = new double[_places.Length];
            foreach (var passage in question.Evidence)
            {
                var found = false;
                for (var at = _text.IndexOf(passage, StringComparison.Ordinal); at >= 0; at = _text.IndexOf(passage, at + passage.Length, StringComparison.Ordinal))
                {
                    found = true;
                    for (var i = 0; i < _places.Length; i++)
                        if (_places[i].Start < at + passage.Length && _places[i].End > at) scores[i] = 1;
                }
                if (!found) throw new LabException($"Oracle: the evidence '{passage}' does not stand in the context; correct the field 'evidence'");
            }
            return scores;
        }
    }
}
