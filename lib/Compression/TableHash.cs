using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;

namespace HeadKvLab.Compression;

/// <summary>Names tables by their contents.</summary>
internal static class TableHash
{
    /// <summary>The first 16 digits of the SHA-256 of a table's sizes and numbers.</summary>
    /// <param name="sizes">Kind and sizes, so that equal numbers of other tables have another name.</param>
    /// <param name="values">The numbers, in order.</param>
    internal static string Of(string sizes, ReadOnlySpan<double> values)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(Encoding.UTF8.GetBytes(sizes));
        hash.AppendData(MemoryMarshal.AsBytes(values));
        return Convert.ToHexStringLower(hash.GetHashAndReset())[..16];
    }
}
