using System.Security.Cryptography;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using HeadKvLab.Notebook.Files;

namespace HeadKvLab.Notebook.Jupyter;

/// <summary>A request of a front end.</summary>
/// <param name="Peer">Who sent it.</param>
/// <param name="Identities">Frames before the delimiter, to be sent back before a reply.</param>
/// <param name="HeaderBytes">Its header as it came: answers name it as their parent byte for byte.</param>
/// <param name="Type">For example <c>execute_request</c>.</param>
/// <param name="Content">Its fields.</param>
/// <param name="Language">The language of the cell to run, where the front end says one.</param>
internal sealed record Message(ZmtpPeer Peer, IReadOnlyList<byte[]> Identities, byte[] HeaderBytes, string Type, JsonObject Content, string? Language);

/// <summary>Reads and writes signed messages (https://jupyter-client.readthedocs.io/en/stable/messaging.html, version 5.3).</summary>
/// <param name="key">The signing key; empty: no signatures.</param>
internal sealed class Wire(byte[] key)
{
    static readonly byte[] Delimiter = "<IDS|MSG>"u8.ToArray();
    static readonly byte[] EmptyObject = "{}"u8.ToArray();
    static readonly JsonSerializerOptions Compact = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };
    readonly string session = Guid.NewGuid().ToString("N");

    /// <summary>The message, or null when it is malformed or its signature is wrong.</summary>
    internal Message? Read(ZmtpPeer peer, List<byte[]> frames)
    {
        var at = frames.FindIndex(frame => frame.AsSpan().SequenceEqual(Delimiter));
        if (at < 0 || frames.Count < at + 6)
        {
            return null;
        }
        var signed = frames.GetRange(at + 2, 4);
        if (key.Length > 0 && !CryptographicOperations.FixedTimeEquals(frames[at + 1], Signature(signed)))
        {
            return null;
        }
        try
        {
            return JsonNode.Parse(signed[0]) is JsonObject header && (string?)header["msg_type"] is { } type && JsonNode.Parse(signed[3]) is JsonObject content
                ? new Message(peer, frames.GetRange(0, at), signed[0], type, content, NotebookCell.LanguageIn(JsonNode.Parse(signed[2])))
                : null;
        }
        catch (Exception exception) when (exception is JsonException or InvalidOperationException)
        {
            return null;
        }
    }

    /// <summary>The frames of a message of ours.</summary>
    /// <param name="type">For example <c>stream</c>.</param>
    /// <param name="content">Its fields.</param>
    /// <param name="parent">The header of the request it belongs to; null: none.</param>
    /// <param name="identities">Frames before the delimiter.</param>
    internal List<byte[]> Write(string type, JsonObject content, byte[]? parent, IEnumerable<byte[]> identities)
    {
        var header = new JsonObject
        {
            ["msg_id"] = Guid.NewGuid().ToString("N"),
            ["session"] = session,
            ["username"] = "kernel",
            ["date"] = DateTime.UtcNow.ToString("yyyy-MM-ddTHH:mm:ss.ffffffZ"),
            ["msg_type"] = type,
            ["version"] = "5.3",
        };
        List<byte[]> signed = [Bytes(header), parent ?? EmptyObject, EmptyObject, Bytes(content)];
        return [.. identities, Delimiter, key.Length > 0 ? Signature(signed) : [], .. signed];
    }

    static byte[] Bytes(JsonObject json) => Encoding.UTF8.GetBytes(json.ToJsonString(Compact));

    byte[] Signature(List<byte[]> signed)
    {
        using var hmac = IncrementalHash.CreateHMAC(HashAlgorithmName.SHA256, key);
        foreach (var part in signed)
        {
            hmac.AppendData(part);
        }
        return Encoding.ASCII.GetBytes(Convert.ToHexStringLower(hmac.GetHashAndReset()));
    }
}
