using CsCheck;
using FleetVibe.Agent.Sources.Push;
using static FleetVibe.Agent.Tests.Fixtures;

namespace FleetVibe.Agent.Tests.Sources.Push;

public class CollectorBookTests
{
    private static CollectorBook With(string name, ulong last, string epoch = "e")
    {
        var book = CollectorBook.Empty.Register(name, epoch, At(0))!;
        for (ulong sequence = 1; sequence <= last; sequence++)
        {
            book = book.Advance(name, sequence, At(0));
        }

        return book;
    }

    [Theory]
    [InlineData(0, SequenceVerdict.Duplicate)]
    [InlineData(1, SequenceVerdict.Duplicate)]
    [InlineData(3, SequenceVerdict.Duplicate)]
    [InlineData(4, SequenceVerdict.Next)]
    [InlineData(5, SequenceVerdict.Gap)]
    [InlineData(ulong.MaxValue, SequenceVerdict.Gap)]
    public void A_sequence_is_next_a_duplicate_or_behind_a_hole(ulong sequence, object verdict) =>
        Assert.Equal(verdict, With("a", 3).Judge("a", sequence));

    [Fact]
    public void A_collector_keeps_its_place_and_epoch_over_a_checkpoint()
    {
        var book = CollectorBook.Load(With("a", 3).Register("b", "f", At(9))!.ToCheckpoint());

        Assert.Equal(new CollectorEntry("e", 3, At(0)), book.Collectors["a"]);
        Assert.Equal(new CollectorEntry("f", 0, At(9)), book.Collectors["b"]);
        Assert.Same(book, book.Register("a", "other", At(10)));
    }

    [Fact]
    public void A_checkpoint_that_cannot_be_read_is_an_empty_book() => Assert.Empty(CollectorBook.Load([0xff, 0xff]).Collectors);

    [Fact]
    public void It_is_stored_only_where_epoch_and_sequence_are_the_same()
    {
        var book = With("a", 3);

        Assert.True(book.IsStoredIn(book, "a"));
        Assert.False(book.IsStoredIn(With("a", 2), "a"));
        Assert.False(book.IsStoredIn(With("a", 3, epoch: "f"), "a"));
        Assert.False(book.IsStoredIn(CollectorBook.Empty, "a"));
    }

    [Fact]
    public void Once_all_places_are_taken_those_unheard_for_a_month_go()
    {
        var book = CollectorBook.Empty;
        for (var i = 0; i < CollectorBook.MaxCollectors; i++)
        {
            book = book.Register($"c{i}", "e", At(0))!;
        }

        Assert.Null(book.Register("new", "e", At(0) + CollectorBook.KeptFor));
        book = book.Advance("c7", 1, At(60));
        Assert.Equal(["c7", "new"], book.Register("new", "e", At(1) + CollectorBook.KeptFor)!.Collectors.Keys);
    }

    [Theory]
    [InlineData("gpu-1.chat_a", true)]
    [InlineData("", false)]
    [InlineData("a b", false)]
    [InlineData("a/b", false)]
    public void A_name_is_short_and_plain(string name, bool isGood) => Assert.Equal(isGood, CollectorBook.IsName(name));

    /// <summary>
    /// A client and an agent, either killed at any step: what the agent stores in the end is each request once, in order.
    /// The agent's kill takes what is counted and not stored; the client's takes the stream, not its journal.
    /// </summary>
    [Fact]
    public void Kills_of_either_side_neither_lose_nor_double_a_batch() =>
        Gen.Int[0, 7].Array[1, 80].Sample(drawn =>
        {
            var model = new Model();
            foreach (var number in drawn)
            {
                // Sending is drawn twice as often.
                model.Do(number > (int)Step.KillAgent ? Step.Send : (Step)number);
            }

            model.Finish();
            Assert.Equal(Enumerable.Range(1, model.Produced), model.StoredItems);
        });

    private enum Step
    {
        Send,
        Resend,
        Store,
        Ack,
        KillClient,
        KillAgent,
    }

    private sealed class Model
    {
        private readonly List<(ulong Sequence, int Item)> _held = [];
        private CollectorBook _book = CollectorBook.Empty.Register("a", "e", At(0))!;
        private byte[] _stored;
        private List<int> _items = [];
        private ulong _next = 1;

        public Model() => _stored = _book.ToCheckpoint();

        public int Produced { get; private set; }

        public List<int> StoredItems { get; private set; } = [];

        public void Do(Step step)
        {
            switch (step)
            {
                case Step.Send:
                    _held.Add((_next++, ++Produced));
                    Take(_held[^1]);
                    break;
                case Step.Resend when _held.Count > 0:
                    Take(_held[0]);
                    break;
                case Step.Store:
                    _stored = _book.ToCheckpoint();
                    StoredItems = [.. _items];
                    break;
                case Step.Ack:
                    var acked = CollectorBook.Load(_stored).Collectors["a"].Last;
                    _held.RemoveAll(batch => batch.Sequence <= acked);
                    break;
                case Step.KillAgent:
                    _book = CollectorBook.Load(_stored);
                    _items = [.. StoredItems];
                    Resume();
                    break;
                case Step.KillClient:
                    Resume();
                    break;
            }
        }

        public void Finish()
        {
            Resume();
            Do(Step.Store);
        }

        // The welcome waits until all that was counted is stored.
        private void Resume()
        {
            Do(Step.Store);
            Do(Step.Ack);
            _next = CollectorBook.Load(_stored).Collectors["a"].Last + 1;
            for (var i = 0; i < _held.Count; i++)
            {
                _held[i] = (_next++, _held[i].Item);
                Take(_held[i]);
            }
        }

        private void Take((ulong Sequence, int Item) batch)
        {
            if (_book.Judge("a", batch.Sequence) == SequenceVerdict.Next)
            {
                _book = _book.Advance("a", batch.Sequence, At(0));
                _items.Add(batch.Item);
            }
        }
    }
}
