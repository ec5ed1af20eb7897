using System.Text;

namespace HeadKvLab.Tests.Libtorch;

/// <summary>The copy of libLibTorchSharp.so beside the program loads where libstdc++ ends before GLIBCXX_3.4.32, and nothing unused lies beside it.</summary>
public sealed class NativeFileTests
{
    private const string Version = "GLIBCXX_3.4.32";

    private static void OnLinux() => Assert.SkipUnless(OperatingSystem.IsLinux(), "the library is an ELF file on Linux only");

    [Fact]
    public void The_need_for_a_newer_runtime_is_weak()
    {
        OnLinux();
        var elf = new Elf(Repository.Path("bin", "libLibTorchSharp.so"));
        var (flags, index) = elf.Need(Version);
        Assert.Equal(2, flags & 2);                                    // VER_FLG_WEAK
        Assert.DoesNotContain(index, elf.VersionsOfRelocatedSymbols());
        Assert.NotEmpty(elf.VersionsOfRelocatedSymbols());             // the reader does read relocations
    }

    [Fact]
    public void Other_needs_stay_as_they_are()
    {
        OnLinux();
        var elf = new Elf(Repository.Path("bin", "libLibTorchSharp.so"));
        Assert.Equal(0, elf.Need("GLIBCXX_3.4.21").Flags);
        Assert.Equal(0, elf.Need("GLIBC_2.2.5").Flags);
    }

    [Fact]
    public void The_package_cache_keeps_its_own_file()
    {
        OnLinux();
        var cache = Environment.GetEnvironmentVariable("NUGET_PACKAGES") ?? Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".nuget", "packages");
        var file = Directory.EnumerateFiles(Path.Combine(cache, "torchsharp"), "libLibTorchSharp.so", SearchOption.AllDirectories).Max()!;
        Assert.Equal(0, new Elf(file).Need(Version).Flags);
    }

    [Fact]
    public void Only_what_is_loaded_lies_beside_the_program()
    {
        OnLinux();
        var natives = Directory.EnumerateFiles(Repository.Path("bin"), "lib*.so*").Select(Path.GetFileName).Order(StringComparer.Ordinal);
        Assert.Equal(["libLibTorchSharp.so", "libc10.so", "libgomp-98b21ff3.so.1", "libtorch.so", "libtorch_cpu.so"], natives.Where(name => !name!.Contains("cuda", StringComparison.Ordinal)));
        Assert.False(Directory.Exists(Repository.Path("bin", "runtimes")));
    }

    /// <summary>As much of a 64-bit ELF file as versions of symbols need.</summary>
    private sealed class Elf(string path)
    {
        private const uint Rela = 4, DynamicSymbols = 11, VersionNeeds = 0x6ffffffe, SymbolVersions = 0x6fffffff;

        private readonly byte[] _bytes = File.ReadAllBytes(path);

        private long At(long at, int size) => size switch { 2 => BitConverter.ToUInt16(_bytes, (int)at), 4 => BitConverter.ToUInt32(_bytes, (int)at), _ => BitConverter.ToInt64(_bytes, (int)at) };

        private IEnumerable<(long From, long Size, long Link)> Sections(uint type) =>
            from header in Enumerable.Range(0, (int)At(0x3c, 2)).Select(Header)
            where At(header + 4, 4) == type
            select (At(header + 0x18, 8), At(header + 0x20, 8), Header((int)At(header + 0x28, 4)));

        private long Header(int index) => At(0x28, 8) + index * At(0x3a, 2);

        private string Text(long at) => Encoding.ASCII.GetString(_bytes.AsSpan((int)at, Array.IndexOf(_bytes, (byte)0, (int)at) - (int)at));

        /// <summary>Flags and index of the version that the file needs under this name.</summary>
        public (int Flags, int Index) Need(string version)
        {
            var (from, _, link) = Sections(VersionNeeds).Single();
            var strings = At(link + 0x18, 8);
            for (var file = from; ; file += At(file + 12, 4))
            {
                var entry = file + At(file + 8, 4);
                for (var left = At(file + 2, 2); left > 0; left--, entry += At(entry + 12, 4))
                    if (Text(strings + At(entry + 8, 4)) == version) return ((int)At(entry + 4, 2), (int)At(entry + 6, 2));
                if (At(file + 12, 4) == 0) throw new InvalidDataException($"{path} needs no {version}");
            }
        }

        /// <summary>Version indices of all symbols that some relocation uses.</summary>
        public HashSet<int> VersionsOfRelocatedSymbols()
        {
            var versions = Sections(SymbolVersions).Single().From;
            return [.. from section in Sections(Rela)
                       where At(section.Link + 4, 4) == DynamicSymbols
                       from entry in Enumerable.Range(0, (int)(section.Size / 24))
                       let symbol = At(section.From + 24 * entry + 12, 4)
                       where symbol != 0
                       select (int)At(versions + 2 * symbol, 2) & 0x7fff];
        }
    }
}
