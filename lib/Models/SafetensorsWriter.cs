using System.Buffers.Binary;
using System.Text.Json;
using TorchSharp;
using static TorchSharp.torch;

namespace HeadKvLab.Models;

/// <summary>
/// Writes tensors as one safetensors file, in the layout of the reference implementation: wider number types first, then by name,
/// the header padded with blanks to a multiple of 8 bytes. The file appears under its name only when it is complete.
/// </summary>
public static class SafetensorsWriter
{
    /// <summary>Writes a file, replacing one of that name.</summary>
    /// <param name="path">The file; its folder is created.</param>
    /// <param name="tensors">Name and tensor; tensors on other devices or with strides are copied on the way.</param>
    /// <param name="metadata">The file's remarks; by default <c>format: pt</c>, which Hugging Face's loader wants to see.</param>
    /// <exception cref="LabException">Two tensors of one name, a type the format lacks, or the disk refuses.</exception>
    public static void Write(string path, IEnumerable<(string Name, Tensor Values)> tensors, IReadOnlyDictionary<string, string>? metadata = null)
    {
        var ordered = tensors.OrderByDescending(t => t.Values.ElementSize).ThenBy(t => t.Name, StringComparer.Ordinal).ToArray();
        if (ordered.GroupBy(t => t.Name).FirstOrDefault(g => g.Count() > 1) is { } twice)
            throw new LabException($"{path}: two tensors are called '{twice.Key}': rename one");
        var header = Header(ordered, metadata ?? new Dictionary<string, string> { ["format"] = "pt" });
        try
        {
            Directory.CreateDirectory(Path.GetDirectoryName(Path.GetFullPath(path))!);
            OutputFile.Write(path, stream =>
            {
                stream.Write(header);
                foreach (var (_, values) in ordered) WriteValues(stream, values);
            });
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new LabException($"{path}: cannot be written: {e.Message} Free space or choose another folder", e);
        }
    }

    /// <summary>Length prefix and JSON.</summary>
    private static byte[] Header((string Name, Tensor Values)[] tensors, IReadOnlyDictionary<string, string> metadata)
    {
        using var buffer = new MemoryStream();
        buffer.Write(new byte[8]);
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartObject();
            if (metadata.Count > 0)
            {
                json.WriteStartObject("__metadata__");
                foreach (var (key, text) in metadata) json.WriteString(key, text);
                json.WriteEndObject();
            }
            var offset = 0L;
            foreach (var (name, values) in tensors)
            {
                json.WriteStartObject(name);
                json.WriteString("dtype", SafetensorsTypes.Name(values.dtype));
                json.WriteStartArray("shape");
                foreach (var size in values.shape) json.WriteNumberValue(size);
                json.WriteEndArray();
                json.WriteStartArray("data_offsets");
                json.WriteNumberValue(offset);
                json.WriteNumberValue(offset += values.NumberOfElements * values.ElementSize);
                json.WriteEndArray();
                json.WriteEndObject();
            }
            json.WriteEndObject();
        }
        while (buffer.Length % 8 != 0) buffer.WriteByte((byte)' ');
        var bytes = buffer.ToArray();
        BinaryPrimitives.WriteInt64LittleEndian(bytes, bytes.Length - 8);
        return bytes;
    }

    private static void WriteValues(Stream stream, Tensor values)
    {
        using var scope = NewDisposeScope();
        using var quiet = no_grad();
        var flat = values.detach().cpu().contiguous().view(-1);
        var perPiece = (1L << 30) / flat.ElementSize; // numbers that one span can hold
        for (var first = 0L; first < flat.NumberOfElements; first += perPiece)
        {
            using var piece = flat.narrow(0, first, Math.Min(perPiece, flat.NumberOfElements - first));
            stream.Write(piece.bytes);
        }
    }
}
