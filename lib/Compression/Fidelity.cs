namespace HeadKvLab.Compression;

/// <summary>How near a method is to what its authors compute.</summary>
public enum Fidelity
{
    /// <summary>By the authors' code, or by a paper that leaves nothing open; where it differs its files say so.</summary>
    Exact,

    /// <summary>After a paper that leaves formulas or constants open, for want of public code.</summary>
    Reconstructed,

    /// <summary>A variant or a control of this project.</summary>
    Ours,
}
