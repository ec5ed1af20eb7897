namespace HeadKvLab.Compression;

/// <summary>A kind of calibration table. A method names those it needs; a model's folder holds a file for each that was measured.</summary>
/// <param name="Name">Its name in rows.</param>
/// <param name="File">Its file in a model's <c>heads</c> folder.</param>
/// <param name="Holds">What it holds, in words.</param>
/// <param name="Cure">How to get one, for the error message where it is missing.</param>
public abstract record TableKind(string Name, string File, string Holds, string Cure);

/// <summary>A kind whose tables have type <typeparamref name="T"/>.</summary>
/// <param name="Name">Its name in rows.</param>
/// <param name="File">Its file in a model's <c>heads</c> folder.</param>
/// <param name="Holds">What it holds, in words.</param>
/// <param name="Cure">How to get one.</param>
public sealed record TableKind<T>(string Name, string File, string Holds, string Cure) : TableKind(Name, File, Holds, Cure)
    where T : class, ICalibrationTable;
