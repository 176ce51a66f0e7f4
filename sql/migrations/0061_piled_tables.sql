-- Tables whose rows pile up under an old snapshot are written anew by the holder of central's upkeep itself.
drop function if exists tributary.lane_rewrite(bigint);
