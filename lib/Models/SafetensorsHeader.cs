using System.Buffers.Binary;
using System.Text.Json;
using System.Text.Unicode;
using Microsoft.Win32.SafeHandles;
using static HeadKvLab.Text.StrictJson;

namespace HeadKvLab.Models;

/// <summary>
/// The header of a safetensors file: 8 bytes little-endian length n, then n bytes of JSON
/// <c>{"name": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}, "__metadata__": {"key": "text"}}</c>, then the data.
/// Read without forgiveness, because offsets steer raw memory reads: every key once, every size agreeing with its type, the tensors
/// covering the data without overlap, hole or remainder. Nothing is allocated on the word of a length before it was checked against the file.
/// </summary>
internal sealed class SafetensorsHeader
{
    private const long LongestHeader = 100_000_000; // the format's own limit, bytes
    private const string MetadataKey = "__metadata__";

    private readonly string file;
    private readonly Dictionary<string, SafetensorsEntry> entries = [];
    private readonly Dictionary<string, string> metadata = [];
    private bool hasMetadata;

    private SafetensorsHeader(string file) => this.file = file;

    /// <summary>The tensors by name.</summary>
    internal IReadOnlyDictionary<string, SafetensorsEntry> Entries => entries;

    /// <summary>The file's own remarks, for example <c>format: pt</c>.</summary>
    internal IReadOnlyDictionary<string, string> Metadata => metadata;

    /// <summary>Where the data begins, bytes from the start of the file.</summary>
    internal long DataStart { get; private init; }

    /// <summary>Reads and checks the header of an open file.</summary>
    /// <exception cref="LabException">Any departure from the format.</exception>
    internal static SafetensorsHeader Read(SafeFileHandle handle, string file)
    {
        var fileLength = RandomAccess.GetLength(handle);
        Span<byte> prefix = stackalloc byte[8];
        if (fileLength < 8 || RandomAccess.Read(handle, prefix, 0) != 8)
            throw new LabException($"{file}: {Grouped(fileLength)} bytes, too short for a safetensors file (8 bytes of header length first): the download is incomplete");
        var length = BinaryPrimitives.ReadUInt64LittleEndian(prefix);
        if (length < 2) throw new LabException($"{file}: the header length at byte 0 is {length}, too short for a JSON object: not a safetensors file");
        if (length > LongestHeader) throw new LabException($"{file}: the header length at byte 0 is {length}, beyond the format's limit of {Grouped(LongestHeader)}: not a safetensors file");
        if ((long)length > fileLength - 8) throw new LabException($"{file}: the header ends at byte {Grouped(8 + (long)length)}, the file has {Grouped(fileLength)}: the download is incomplete");

        var json = new byte[length];
        for (var at = 0; at < json.Length;)
        {
            var read = RandomAccess.Read(handle, json.AsSpan(at), 8 + at);
            if (read == 0) throw new LabException($"{file}: the file shrank while its header was read: start again when no other program writes it");
            at += read;
        }
        return Parse(json, fileLength, file);
    }

    /// <summary>Checks header text against the length of its file.</summary>
    internal static SafetensorsHeader Parse(byte[] json, long fileLength, string file)
    {
        if (!Utf8.IsValid(json)) throw new LabException($"{file}: the header is not valid UTF-8 (first bad byte at {Grouped(8 + FirstInvalid(json))}): download the file again");
        var header = new SafetensorsHeader(file) { DataStart = 8 + json.Length };
        try
        {
            var reader = new Utf8JsonReader(json, new JsonReaderOptions { MaxDepth = 4 });
            header.ReadTensors(ref reader);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException) // the latter: escapes that are no text
        {
            throw new LabException($"{file}: the header is not the JSON of a safetensors file: {e.Message} Download the file again", e);
        }
        header.CheckCoverage(fileLength);
        return header;
    }

    private void ReadTensors(ref Utf8JsonReader reader)
    {
        if (!reader.Read() || reader.TokenType != JsonTokenType.StartObject) throw new LabException($"{file}: the header is a JSON {reader.TokenType}, not an object: not a safetensors file");
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var name = reader.GetString()!;
            if (name == MetadataKey) ReadMetadata(ref reader);
            else if (!entries.TryAdd(name, ReadTensor(ref reader, name))) throw Bad(name, "stands twice in the header");
        }
        while (reader.Read()) { } // only white space may follow; anything else throws
    }

    private void ReadMetadata(ref Utf8JsonReader reader)
    {
        if (hasMetadata) throw new LabException($"{file}: '{MetadataKey}' stands twice in the header: write the file again");
        hasMetadata = true;
        Expect(ref reader, JsonTokenType.StartObject, MetadataKey, "an object of texts");
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var key = reader.GetString()!;
            Expect(ref reader, JsonTokenType.String, MetadataKey, "texts only");
            if (!metadata.TryAdd(key, reader.GetString()!)) throw new LabException($"{file}: '{key}' stands twice in '{MetadataKey}': write the file again");
        }
    }

    private SafetensorsEntry ReadTensor(ref Utf8JsonReader reader, string name)
    {
        string? type = null;
        long[]? shape = null, offsets = null;
        Expect(ref reader, JsonTokenType.StartObject, name, "an object");
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var key = reader.GetString()!;
            if (key switch { "dtype" => type is not null, "shape" => shape is not null, "data_offsets" => offsets is not null, _ => false })
                throw Bad(name, $"has '{key}' twice");
            switch (key)
            {
                case "dtype":
                    Expect(ref reader, JsonTokenType.String, name, "a text as dtype");
                    type = reader.GetString();
                    break;
                case "shape": shape = ReadNumbers(ref reader, name, key); break;
                case "data_offsets": offsets = ReadNumbers(ref reader, name, key); break;
                default: throw Bad(name, $"has a key '{key}' that the format does not know");
            }
        }
        return Checked(name, type ?? throw Bad(name, "has no dtype"), shape ?? throw Bad(name, "has no shape"), offsets ?? throw Bad(name, "has no data_offsets"));
    }

    private long[] ReadNumbers(ref Utf8JsonReader reader, string name, string key)
    {
        var numbers = new List<long>();
        Expect(ref reader, JsonTokenType.StartArray, name, $"an array as {key}");
        while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
        {
            if (reader.TokenType != JsonTokenType.Number || !reader.TryGetInt64(out var number) || number < 0)
                throw Bad(name, $"has {(reader.TokenType == JsonTokenType.Number ? System.Text.Encoding.UTF8.GetString(reader.ValueSpan) : reader.TokenType)} in {key}, where whole numbers from 0 to 2^63 - 1 stand");
            if (numbers.Count == 64) throw Bad(name, $"has more than 64 numbers in {key}");
            numbers.Add(number);
        }
        return [.. numbers];
    }

    private SafetensorsEntry Checked(string name, string type, long[] shape, long[] offsets)
    {
        var size = SafetensorsEntry.SizeOf(type);
        if (size == 0) throw Bad(name, $"has dtype '{type}', which this lab does not read (F64, F32, F16, BF16, I64, I32, I16, I8, U8, BOOL): convert the checkpoint");
        if (offsets.Length != 2) throw Bad(name, $"has {offsets.Length} data_offsets instead of 2");
        var (begin, end) = (offsets[0], offsets[1]);
        if (begin > end) throw Bad(name, $"has reversed data_offsets [{Grouped(begin)}, {Grouped(end)}]");
        var bytes = shape.Contains(0) ? UInt128.Zero : (UInt128)size;
        foreach (var dimension in shape)
        {
            if (bytes > long.MaxValue) break;
            bytes *= (UInt128)dimension;
        }
        if (bytes > long.MaxValue) throw Bad(name, $"has shape [{string.Join(", ", shape)}], whose size overflows 2^63 bytes");
        return (long)bytes == end - begin
            ? new SafetensorsEntry(name, type, shape, begin, end)
            : throw Bad(name, $"of shape [{string.Join(", ", shape)}] and dtype {type} takes {Grouped((long)bytes)} bytes, its data_offsets span {Grouped(end - begin)}");
    }

    private void CheckCoverage(long fileLength)
    {
        var available = fileLength - DataStart;
        var covered = 0L;
        foreach (var entry in entries.Values.OrderBy(e => e.Begin).ThenBy(e => e.End))
        {
            if (entry.End > available)
                throw new LabException($"{file}: tensor '{entry.Name}' ends at byte {Grouped(entry.End)} of the data, the file has {Grouped(available)}: the download is incomplete");
            if (entry.Begin < covered) throw Bad(entry.Name, $"begins at byte {Grouped(entry.Begin)} of the data and overlaps the one before, which ends at {Grouped(covered)}");
            if (entry.Begin > covered) throw Bad(entry.Name, $"begins at byte {Grouped(entry.Begin)} of the data and leaves a hole after byte {Grouped(covered)}");
            covered = entry.End;
        }
        if (covered != available) throw new LabException($"{file}: {Grouped(available - covered)} bytes follow the last tensor: the file is not the one its header describes; download it again");
    }

    private void Expect(ref Utf8JsonReader reader, JsonTokenType type, string name, string what)
    {
        if (!reader.Read() || reader.TokenType != type) throw Bad(name, $"has a JSON {reader.TokenType} where {what} is expected");
    }

    private LabException Bad(string name, string what) => new($"{file}: tensor '{(name.Length > 120 ? name[..120] + "…" : name)}' {what}: write or download the file again");
}
