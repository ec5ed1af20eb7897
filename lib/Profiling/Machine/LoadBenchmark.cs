using System.Diagnostics;
using System.Globalization;
using System.Numerics;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;
using HeadKvLab.Models;
using HeadKvLab.Profiling.Micro;
using HeadKvLab.Profiling.Runs;
using TorchSharp;
using static TorchSharp.torch;

namespace HeadKvLab.Profiling.Machine;

/// <summary>One process that read or loaded a file.</summary>
/// <param name="Seconds">From opening the file to its last byte in memory.</param>
/// <param name="BaseBytes">Resident memory before.</param>
/// <param name="LoadedBytes">Most resident memory of the process until then (VmHWM), runtime and libraries included.</param>
/// <param name="PeakBytes">The same after every weight has been read once, as the first forward pass does.</param>
/// <param name="OwnBytes">Of its memory then, what belongs to the process alone (RssAnon): the rest is pages of files, shared and given back under pressure.</param>
public sealed record FileRun(double Seconds, long BaseBytes, long LoadedBytes, long PeakBytes, long OwnBytes);

/// <summary>
/// Loading a safetensors file against reading its bytes. Each run is a process of its own, in alternation, so that memory is fresh and its
/// peak is that run's; the file lies in the operating system's cache for both. "Reading" puts the bytes into fresh memory of the file's size,
/// one read after the other on one thread, and does nothing with them; "loading" gives tensors whose values were checked for NaN and infinity.
/// </summary>
public static unsafe class LoadBenchmark
{
    private const int Piece = 4 << 20;

    /// <summary>Measures a file, or one that is written for the purpose.</summary>
    /// <param name="file">An existing safetensors file, or null.</param>
    /// <param name="bytes">Size of the file to write.</param>
    /// <param name="repetitions">Alternated pairs of processes.</param>
    /// <param name="child">Runs <c>(read or load, file)</c> in a process of its own.</param>
    /// <exception cref="LabException">Sizes below 1, or no room for the file.</exception>
    public static IEnumerable<Measurement> Run(string? file, long bytes, int repetitions, Func<string, string, FileRun> child)
    {
        if (repetitions < 1) throw new LabException($"--repetitions {repetitions}: give at least 1");
        if (bytes < 1 << 20) throw new LabException("--megabytes: give at least 1");
        var folder = file is null ? Directory.CreateTempSubdirectory("lab-load-") : null;
        try
        {
            var path = file ?? Path.Combine(folder!.FullName, "model.safetensors");
            if (folder is not null) Write(path, bytes);
            return Measure(path, repetitions, child);
        }
        finally
        {
            folder?.Delete(recursive: true);
        }
    }

    private static List<Measurement> Measure(string path, int repetitions, Func<string, string, FileRun> child)
    {
        var size = new FileInfo(path).Length;
        child("read", path); // into the system's cache
        FileRun[] reads = new FileRun[repetitions], loads = new FileRun[repetitions];
        for (var r = 0; r < repetitions; r++) (reads[r], loads[r]) = (child("read", path), child("load", path));
        double read = Stopwatches.Median([.. reads.Select(run => run.Seconds)]), load = Stopwatches.Median([.. loads.Select(run => run.Seconds)]);
        double before = loads.Max(run => run.BaseBytes), loaded = loads.Max(run => run.LoadedBytes), peak = loads.Max(run => run.PeakBytes), own = loads.Max(run => run.OwnBytes);
        var name = string.Create(CultureInfo.InvariantCulture, $"safetensors file of {size / 1e6:N0} MB");
        return
        [
            new(name, "time to read its bytes", read * 1e3, "ms"),
            new(name, "time to load it as checked tensors", load * 1e3, "ms"),
            new(name, "load time / read time", load / read, "1"),
            new(name, "rate of loading", size / load * 1e-9, "GB/s"),
            new(name, "memory of the process before", before / 1e6, "MB"),
            new(name, "peak until it is loaded", loaded / 1e6, "MB"),
            new(name, "peak until every weight was read", peak / 1e6, "MB"),
            new(name, "of it the process' own, not pages of files", own / 1e6, "MB"),
            new(name, "peak until it is loaded / size of the file", loaded / size, "1"),
            new(name, "peak until every weight was read / size", peak / size, "1"),
            new(name, "the process' own then / size", own / size, "1"),
        ];
    }

    /// <summary>What a child does: reads or loads the file, and keeps everything until it has looked at its memory.</summary>
    /// <exception cref="LabException">The file is none that can be loaded.</exception>
    public static FileRun Once(string mode, string path)
    {
        using var scope = NewDisposeScope();
        zeros(1).Dispose(); // the engine is there before the clock starts
        var before = ProcessMemory.Resident;
        var start = Stopwatch.GetTimestamp();
        IDisposable kept = mode == "load" ? Load(path, out var weights) : Read(path, out weights);
        var seconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
        var loaded = ProcessMemory.Peak;
        foreach (var weight in weights) Use(weight);
        var run = new FileRun(seconds, before, loaded, ProcessMemory.Peak, ProcessMemory.Own);
        kept.Dispose();
        return run;
    }

    private static DisposeScope Load(string path, out List<Tensor> weights)
    {
        var scope = NewDisposeScope();
        using var file = SafetensorsFile.Open(path);
        weights = [.. file.Tensors.Keys.Select(name => file.Load(name))];
        return scope;
    }

    /// <summary>Reads every byte, without memory of its own.</summary>
    private static void Use(Tensor weight)
    {
        using var flat = weight.view(-1);
        var perPiece = (1L << 30) / flat.ElementSize;
        var sum = Vector<ulong>.Zero;
        for (var first = 0L; first < flat.NumberOfElements; first += perPiece)
        {
            using var piece = flat.narrow(0, first, Math.Min(perPiece, flat.NumberOfElements - first));
            foreach (var part in MemoryMarshal.Cast<byte, Vector<ulong>>(piece.bytes)) sum += part;
        }
        GC.KeepAlive(sum);
    }

    private static NativeBytes Read(string path, out List<Tensor> weights)
    {
        weights = [];
        using var handle = File.OpenHandle(path, FileMode.Open, FileAccess.Read, FileShare.Read, FileOptions.SequentialScan);
        var memory = new NativeBytes(RandomAccess.GetLength(handle));
        for (var at = 0L; at < memory.Length;)
        {
            var read = RandomAccess.Read(handle, new Span<byte>(memory.Start + at, (int)Math.Min(Piece, memory.Length - at)), at);
            if (read == 0) throw new LabException($"{path}: ends at byte {at}: the file shrank");
            at += read;
        }
        return memory;
    }

    private sealed class NativeBytes(long length) : IDisposable
    {
        internal long Length => length;

        internal byte* Start { get; } = (byte*)NativeMemory.Alloc((nuint)length);

        public void Dispose() => NativeMemory.Free(Start);
    }

    /// <summary>A file shaped like a model's: bfloat16 matrices of 32 MB (the last is what remains), small random numbers.</summary>
    internal static void Write(string path, long bytes)
    {
        const long matrix = 32 << 20;
        var header = new Dictionary<string, object>();
        for (var (at, index) = (0L, 0); at < bytes; index++)
        {
            var end = Math.Min(at + matrix, bytes & ~1L);
            header[string.Create(CultureInfo.InvariantCulture, $"model.layers.{index}.mlp.up_proj.weight")] = new { dtype = "BF16", shape = new[] { (end - at) / 2 }, data_offsets = new[] { at, end } };
            if (end == (bytes & ~1L)) break;
            at = end;
        }
        var text = JsonSerializer.Serialize(header);
        var json = Encoding.UTF8.GetBytes(text.PadRight((text.Length + 7) / 8 * 8)); // as the format's own writer does
        var random = new Random(5);
        var values = new ushort[Piece / 2];
        for (var i = 0; i < values.Length; i++) values[i] = (ushort)(0x3c00 | random.Next(0x80) | (random.Next(2) << 15)); // about 0.01, either sign
        try
        {
            using var stream = new FileStream(path, FileMode.CreateNew, FileAccess.Write, FileShare.None, 0);
            stream.Write(BitConverter.GetBytes((long)json.Length));
            stream.Write(json);
            for (var left = bytes & ~1L; left > 0; left -= Piece) stream.Write(MemoryMarshal.AsBytes(values.AsSpan())[..(int)Math.Min(Piece, left)]);
        }
        catch (IOException e)
        {
            throw new LabException($"{path}: cannot be written: {e.Message} Set TMPDIR to a folder with room, or give --megabytes", e);
        }
    }
}
