using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text;
using Microsoft.Build.Framework;
using Microsoft.Build.Utilities;

/// <summary>
/// Copies a 64-bit ELF library and marks its need for one symbol version as weak (VER_FLG_WEAK), so that a loader which lacks that version accepts
/// the library. Done only when no relocation uses a symbol of the version; otherwise the copy is left unchanged and the build says so.
/// </summary>
public sealed class WeakenVersionNeed : Task
{
    const uint Rela = 4, DynamicSymbols = 11, VersionNeeds = 0x6ffffffe, SymbolVersions = 0x6fffffff;
    const byte Weak = 2;

    [Required] public string Source { get; set; }

    [Required] public string Destination { get; set; }

    [Required] public string Version { get; set; }

    byte[] elf;

    public override bool Execute()
    {
        elf = File.ReadAllBytes(Source);
        var need = Need();
        if (need >= 0)
        {
            var used = Used(Half(need + 6));
            if (used.Count == 0) elf[need + 4] |= Weak;
            else Log.LogMessage(MessageImportance.High, Path.GetFileName(Source) + " uses symbols of " + Version + " (" + string.Join(", ", used.Take(3))
                + "): it loads only where the C++ runtime (libstdc++.so.6) has that version.");
        }
        var fresh = Destination + ".new";
        File.WriteAllBytes(fresh, elf);
        File.SetLastWriteTimeUtc(fresh, DateTime.UtcNow);
        if (File.Exists(Destination)) File.Delete(Destination);
        File.Move(fresh, Destination);
        return true;
    }

    int Half(long at) { return BitConverter.ToUInt16(elf, (int)at); }

    long Word(long at) { return BitConverter.ToUInt32(elf, (int)at); }

    long Wide(long at) { return BitConverter.ToInt64(elf, (int)at); }

    string Text(long at) { return Encoding.ASCII.GetString(elf, (int)at, Array.IndexOf(elf, (byte)0, (int)at) - (int)at); }

    /// <summary>Section headers of a type.</summary>
    IEnumerable<long> Sections(uint type)
    {
        for (var s = 0; s < Half(0x3c); s++)
        {
            var header = Wide(0x28) + s * Half(0x3a);
            if (Word(header + 4) == type) yield return header;
        }
    }

    long Linked(long header) { return Wide(0x28) + Word(header + 0x28) * Half(0x3a); }

    /// <summary>Place of the entry (Elf64_Vernaux) that needs the version, or -1.</summary>
    long Need()
    {
        foreach (var section in Sections(VersionNeeds))
        {
            var strings = Wide(Linked(section) + 0x18);
            for (var file = Wide(section + 0x18); ; file += Word(file + 12))
            {
                var entry = file + Word(file + 8);
                for (var left = Half(file + 2); left > 0; left--, entry += Word(entry + 12))
                    if (Text(strings + Word(entry + 8)) == Version) return entry;
                if (Word(file + 12) == 0) break;
            }
        }
        return -1;
    }

    /// <summary>Names of symbols with this version index that a relocation uses.</summary>
    List<string> Used(int index)
    {
        var names = new List<string>();
        var versions = Wide(Sections(SymbolVersions).Single() + 0x18);
        foreach (var section in Sections(Rela).Where(s => Word(Linked(s) + 4) == DynamicSymbols))
        {
            long symbols = Wide(Linked(section) + 0x18), strings = Wide(Linked(Linked(section)) + 0x18), from = Wide(section + 0x18);
            for (var at = from; at < from + Wide(section + 0x20); at += 24)
            {
                var symbol = Word(at + 12);
                if (symbol != 0 && (Half(versions + 2 * symbol) & 0x7fff) == index) names.Add(Text(strings + Word(symbols + 24 * symbol)));
            }
        }
        return names.Distinct().ToList();
    }
}
