namespace HeadKvLab.World;

/// <summary>How often each family of facts is chosen (relative weights).</summary>
public sealed record WorldMix
{
    /// <summary>Single facts.</summary>
    public double Single { get; init; } = 3;
    /// <summary>Retrieval-reasoning pairs.</summary>
    public double R2Attr { get; init; } = 4;
    /// <summary>Two-hop facts.</summary>
    public double Hop { get; init; } = 1.6;
    /// <summary>Few-shot labels.</summary>
    public double FewShot { get; init; } = 1.2;
    /// <summary>Numbered passages.</summary>
    public double Passage { get; init; } = 1;
    /// <summary>Code definitions.</summary>
    public double Code { get; init; } = 1.2;
    /// <summary>Two relations of one person.</summary>
    public double Pair { get; init; }
    /// <summary>Lists of gifts.</summary>
    public double List { get; init; }
    /// <summary>Reasoning over ages.</summary>
    public double Age { get; init; }
    /// <summary>Counting visits.</summary>
    public double Count { get; init; }

    internal double[] Weights() => [Single, R2Attr, Hop, FewShot, Passage, Code, Pair, List, Age, Count];
}

/// <summary>What a training document looks like.</summary>
public sealed record WorldOptions
{
    /// <summary>Length in tokens, BOS and questions included; documents have exactly this length.</summary>
    public int Tokens { get; init; } = 160;
    /// <summary>Smallest share of filler; each document draws its own between this and <see cref="FillerTo"/>.</summary>
    public double FillerFrom { get; init; } = 0.1;
    /// <summary>Largest share of filler.</summary>
    public double FillerTo { get; init; } = 0.3;
    /// <summary>Probability that a word of the filler may be one that facts use too.</summary>
    public double Overlap { get; init; } = 0.05;
    /// <summary>Share of the document, at its end, that reads its sentences a second time, in another order.</summary>
    public double Echo { get; init; }
    /// <summary>Probability that a document has sentences of random tokens and no questions: with <see cref="Echo"/>, nothing to learn but to look back.</summary>
    public double Babble { get; init; }
    /// <summary>Random tokens are drawn from the first so many ids of the vocabulary; 0: from all.</summary>
    public int BabbleWords { get; init; }
    /// <summary>Probability of each helper question.</summary>
    public double Helpers { get; init; } = 0.5;
    /// <summary>Probability that the sentences of one group of facts stay together, as in a needle.</summary>
    public double Together { get; init; } = 0.25;
    /// <summary>Most questions in a document.</summary>
    public int MaxQuestions { get; init; } = 64;
    /// <summary>Weights of the families.</summary>
    public WorldMix Mix { get; init; } = new();
    /// <summary>Largest position (skip-wise positions, PoSE): the span is drawn log-uniformly from <see cref="Tokens"/> to this. 0: none.</summary>
    public int PositionSpan { get; init; }
    /// <summary>Probability that a document gets position gaps.</summary>
    public double Gaps { get; init; } = 0.85;

    private const int LeastBabble = 24; // beyond the the opening words, so that there is something to read again

    /// <summary>Tokens before the second reading.</summary>
    internal int TokensOnce => Tokens - (int)(Tokens * Echo);

    /// <summary>Checks the ranges.</summary>
    /// <exception cref="LabException">A value is out of range.</exception>
    public WorldOptions Checked()
    {
        if (Tokens < 96) throw new LabException($"world tokens = {Tokens}: a document needs at least 96 tokens for its facts and questions");
        if (FillerFrom < 0 || FillerTo > 0.98 || FillerFrom > FillerTo)
            throw new LabException($"world filler = {FillerFrom}..{FillerTo}: choose 0 <= from <= to <= 0.98");
        if (Echo is not (>= 0 and <= 0.9)) throw new LabException($"world echo = {Echo}: choose 0 to 0.9");
        if (Babble is not (>= 0 and <= 1) || BabbleWords < 0) throw new LabException($"world babble = {Babble}, babbleWords = {BabbleWords}: choose a probability from 0 to 1, and 0 or more words");
        if (Babble > 0 && Echo == 0) throw new LabException($"world babble = {Babble}, echo = 0: random tokens teach nothing unless they are read again; choose an echo above 0");
        if (TokensOnce < LeastBabble) throw new LabException($"world tokens = {Tokens}, echo = {Echo}: what is read once needs at least {LeastBabble} tokens");
        if (TokensOnce < 96 && Babble < 1) throw new LabException($"world tokens = {Tokens}, echo = {Echo}: what is read once needs at least 96 tokens for its facts and questions");
        if (MaxQuestions < 1) throw new LabException($"world maxQuestions = {MaxQuestions}: choose at least 1");
        if (Mix.Weights().Any(w => w < 0) || Mix.Weights().Sum() <= 0) throw new LabException("world mix: weights must not be negative nor all 0");
        return this;
    }
}
